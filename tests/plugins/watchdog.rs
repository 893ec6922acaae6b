//! Under a service manager: a pipeline thread that stands still gives no sign of life, so that the program
//! is started again.

use std::time::Duration;

use crate::build::of_c;
use crate::support::manager::Manager;
use crate::support::{Project, Run, sound};

#[test]
fn a_pipeline_that_hangs_gives_no_sign_of_life() {
    // Twenty minutes for the eleventh block, and no budget that would tell of it.
    let library = of_c("nasty", &["PROCESS_SLOW_US=1200000000"]);
    let pipeline = format!(
        "plugins = [{:?}]\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"realtime\"\nloop = true\n\
         [[node]]\ntype = \"nasty\"\n[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n",
        library.to_str().expect("a path")
    );
    let project = Project::new(&pipeline).with("in.wav", sound::wav(16_000, 1, &sound::noise(16_000, 3)));
    let mut manager = Manager::new(&project);
    let limit = Duration::from_millis(200);
    let _run = Run::spawn(manager.run(limit));
    manager.wait_for("STATUS=file: open");
    // What was on its way, and the one level that the first ten blocks make.
    let mut signs = 0;
    while manager.hear(10 * limit).is_some() {
        signs += 1;
        assert!(signs < 5, "it hangs and says it is alive: {:?}", manager.told);
    }
    assert_eq!(manager.count("STOPPING=1"), 0, "and it does not know: {:?}", manager.told);
}
