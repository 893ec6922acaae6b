//! Two models of the loudness of each band, one of speech and one of noise, each a mixture of two normal
//! distributions that follow what they hear. Pipeline thread.
//!
//! Means and deviations are in dB/128, loudness in dB/16; the names of other units stand where they begin.

use super::bands::SILENCE;
use super::lowest::Lowest;
use super::{BANDS, low};

/// Distributions in a mixture.
const PARTS: usize = 2;

/// What counts of a band's evidence.
const WEIGHTS: [i32; BANDS] = [6, 8, 10, 12, 14, 16];

/// How quickly means follow, noise and speech, and how quickly noise is pulled to the lowest values.
const FOLLOW_NOISE: i32 = 655;
const FOLLOW_SPEECH: i32 = 6_554;
const PULL: i32 = 154;

/// Speech is at least so much louder than noise, in dB/32.
const APART: [i16; BANDS] = [544, 544, 576, 576, 576, 576];

/// Limits of the means, and the least deviation.
const LOUDEST_SPEECH: [i16; BANDS] = [11_392, 11_392, 11_520, 11_520, 11_520, 11_520];
const LOUDEST_NOISE: [i16; BANDS] = [9_216, 9_088, 8_960, 8_832, 8_704, 8_576];
const SOFTEST_SPEECH: [i16; PARTS] = [640, 768];
const LEAST_DEVIATION: i16 = 384;

/// So many windows of speech in a row are speech that lasts.
const LASTING: i16 = 6;

const SPEECH: [Mixture; BANDS] = [
    Mixture::new([48, 80], [8_306, 9_473], [555, 509]),
    Mixture::new([82, 46], [10_085, 9_571], [505, 828]),
    Mixture::new([45, 83], [10_078, 10_879], [567, 492]),
    Mixture::new([87, 41], [11_823, 7_581], [524, 1_540]),
    Mixture::new([50, 78], [11_843, 8_180], [585, 1_079]),
    Mixture::new([47, 81], [6_309, 7_483], [1_231, 850]),
];

const NOISE: [Mixture; BANDS] = [
    Mixture::new([34, 94], [6_738, 7_646], [378, 474]),
    Mixture::new([62, 66], [4_892, 3_863], [1_064, 697]),
    Mixture::new([72, 56], [7_065, 7_820], [493, 475]),
    Mixture::new([66, 62], [6_715, 7_266], [582, 688]),
    Mixture::new([53, 75], [6_771, 5_020], [688, 421]),
    Mixture::new([25, 103], [3_369, 4_362], [593, 455]),
];

/// What an aggressiveness asks for, for windows of 10, 20 and 30 ms.
struct Asks {
    /// Windows that are still speech after some windows of it, and after many.
    hold: [[i16; 3]; 2],
    /// Evidence in one band, and in all of them.
    evidence: [[i16; 3]; 2],
}

const ASKS: [Asks; 4] = [
    Asks { hold: [[8, 4, 3], [14, 7, 5]], evidence: [[24, 21, 24], [57, 48, 57]] },
    Asks { hold: [[8, 4, 3], [14, 7, 5]], evidence: [[37, 32, 37], [100, 80, 100]] },
    Asks { hold: [[6, 3, 2], [9, 5, 3]], evidence: [[82, 78, 82], [285, 260, 285]] },
    Asks { hold: [[6, 3, 2], [9, 5, 3]], evidence: [[94, 94, 94], [1_100, 1_050, 1_100]] },
];

/// Two normal distributions, weighted in 1/128.
#[derive(Clone, Copy)]
struct Mixture {
    weights: [i16; PARTS],
    means: [i16; PARTS],
    deviations: [i16; PARTS],
}

/// How well a mixture explains a value.
struct Fit {
    /// Its likelihood.
    all: i32,
    /// Which share of it the distributions have, in 1/16384.
    shares: [i16; PARTS],
    /// `(x − mean) / deviation²`, in 1/2048.
    slopes: [i16; PARTS],
}

impl Mixture {
    const fn new(weights: [i16; PARTS], means: [i16; PARTS], deviations: [i16; PARTS]) -> Mixture {
        Mixture { weights, means, deviations }
    }

    /// `otherwise`: the share of the first where the likelihood is next to nothing.
    #[inline(always)]
    fn fit(&self, value: i16, otherwise: i16) -> Fit {
        let mut likely = [0; PARTS];
        let mut slopes = [0; PARTS];
        for k in 0..PARTS {
            let (density, slope) = density(value, self.means[k], self.deviations[k]);
            (likely[k], slopes[k]) = (i32::from(self.weights[k]) * density, slope);
        }
        let all = likely[0] + likely[1];
        let whole = low(all >> 12);
        let first = if whole > 0 { low(divide((likely[0] & !0xFFF) << 2, whole)) } else { otherwise };
        let second = if whole > 0 { 16_384 - first } else { 0 };
        Fit { all, shares: [first, second], slopes }
    }

    /// The mean of both, weighted, once both are moved by `by`.
    #[inline(always)]
    fn move_by(&mut self, by: i16) -> i32 {
        self.means = self.means.map(|mean| mean.wrapping_add(by));
        (0..PARTS).map(|k| i32::from(self.means[k]) * i32::from(self.weights[k])).sum()
    }

    /// Takes the means back so far that `mean`, that of both, is `loudest` at most.
    #[inline(always)]
    fn limit(&mut self, mean: i32, loudest: i16) {
        let excess = low(mean >> 7).wrapping_sub(loudest);
        if low(mean >> 7) > loudest {
            self.move_by(excess.wrapping_neg());
        }
    }
}

/// The density of a normal distribution, and its slope; see [`Fit::slopes`].
#[inline(always)]
fn density(value: i16, mean: i16, deviation: i16) -> (i32, i16) {
    /// Beyond that the exponential is 0 in its 10 bits.
    const FAR: i32 = 22_005;
    /// log2(e), in 1/4096.
    const LOG2_E: i32 = 5_909;
    let inverse = low(divide(131_072 + i32::from(deviation >> 1), deviation));
    let quarter = i32::from(inverse >> 2);
    let squared = low((quarter * quarter) >> 2);
    let away = low(i32::from(value) << 3).wrapping_sub(mean);
    let slope = low((i32::from(squared) * i32::from(away)) >> 10);
    let exponent = (i32::from(slope) * i32::from(away)) >> 9;
    if exponent >= FAR {
        return (0, slope);
    }
    // Two to a power whose whole part is a shift, and whose fraction is taken for straight.
    let power = low((LOG2_E * exponent) >> 12).wrapping_neg();
    let shift = (!power >> 10) + 1;
    let exponential = i32::from(0x0400 | (power & 0x03FF)).wrapping_shr(shift as u32);
    (i32::from(inverse) * i32::from(low(exponential)), slope)
}

#[inline(always)]
fn divide(number: i32, by: i16) -> i32 {
    if by == 0 { i32::MAX } else { number.wrapping_div(i32::from(by)) }
}

/// `number / by`, rounded towards 0, in 16 bits.
#[inline(always)]
fn divide_either_way(number: i32, by: i16) -> i16 {
    if number > 0 { low(divide(number, by)) } else { low(divide(number.wrapping_neg(), by)).wrapping_neg() }
}

/// Bits by which a number can be shifted to the left; 31 for 0.
#[inline(always)]
fn room(x: i32) -> i32 {
    if x == 0 { 31 } else { (if x < 0 { !x } else { x }).leading_zeros() as i32 - 1 }
}

/// The models, and what was decided last.
pub(super) struct Model {
    aggressiveness: usize,
    speech: [Mixture; BANDS],
    noise: [Mixture; BANDS],
    lowest: [Lowest; BANDS],
    /// Windows that were not silent.
    number: u32,
    /// Windows of speech in a row, and windows that are still taken for it.
    lasting: i16,
    hold: i16,
}

impl Model {
    pub(super) fn new(aggressiveness: u8) -> Model {
        Model {
            aggressiveness: usize::from(aggressiveness.min(3)),
            speech: SPEECH,
            noise: NOISE,
            lowest: [Lowest::default(); BANDS],
            number: 0,
            lasting: 0,
            hold: 0,
        }
    }

    pub(super) fn set_aggressiveness(&mut self, aggressiveness: u8) {
        self.aggressiveness = usize::from(aggressiveness.min(3));
    }

    pub(super) fn reset(&mut self) {
        *self = Model::new(self.aggressiveness as u8);
    }

    /// Whether there is speech in a window of `length` (0: 10 ms, 1: 20 ms, 2: 30 ms), and learns from it.
    pub(super) fn judge(&mut self, loudness: &[i16; BANDS], total: i16, length: usize) -> bool {
        let asks = &ASKS[self.aggressiveness];
        let [in_one, in_all] = asks.evidence.map(|evidence| evidence[length]);
        let mut speech = false;
        if total > SILENCE {
            let (mut sum, mut clear) = (0, false);
            let fits: [(Fit, Fit); BANDS] = std::array::from_fn(|band| {
                let noise = self.noise[band].fit(loudness[band], 16_384);
                let speech = self.speech[band].fit(loudness[band], 0);
                // The logarithm of their ratio, to the base of two.
                let evidence = room(noise.all) - room(speech.all);
                sum += evidence * WEIGHTS[band];
                clear |= evidence * 4 > i32::from(in_one);
                (noise, speech)
            });
            speech = clear || sum >= i32::from(in_all);
            let mut loudest = 12_800;
            for (band, (noise, voice)) in fits.iter().enumerate() {
                self.learn(band, loudness[band], speech, noise, voice, loudest);
                // The limit of the band below: so it is in the C code.
                loudest = LOUDEST_SPEECH[band];
            }
            self.number = self.number.saturating_add(1);
        }
        self.smooth(speech, asks.hold.map(|hold| hold[length]))
    }

    fn learn(&mut self, band: usize, value: i16, is_speech: bool, noise: &Fit, speech: &Fit, loudest: i16) {
        let lowest = self.lowest[band].take(value, self.number);
        let (n, s) = (&mut self.noise[band], &mut self.speech[band]);
        let mean = low(n.move_by(0) >> 6);
        let pull = low((i32::from(low(i32::from(lowest) << 4).wrapping_sub(mean)) * PULL) >> 9);
        for k in 0..PARTS {
            let old = n.means[k];
            let mut new = old;
            if !is_speech {
                let step = low((i32::from(noise.shares[k]) * i32::from(noise.slopes[k])) >> 11);
                new = new.wrapping_add(low((i32::from(step) * FOLLOW_NOISE) >> 22));
            }
            let (least, most) = ((k as i16 + 5) << 7, (72 + k as i16 - band as i16) << 7);
            n.means[k] = new.wrapping_add(pull).clamp(least, most);
            if is_speech {
                s.follow_speech(k, value, speech, loudest + 640);
            } else {
                n.spread_as_noise(k, value, old, noise);
            }
        }
        // Two models that are too close move apart.
        let (mut of_noise, mut of_speech) = (n.move_by(0), s.move_by(0));
        let apart = low(of_speech >> 9).wrapping_sub(low(of_noise >> 9));
        if apart < APART[band] {
            let missing = i32::from(APART[band].wrapping_sub(apart));
            of_speech = s.move_by(low((13 * missing) >> 2));
            of_noise = n.move_by(low((3 * missing) >> 2).wrapping_neg());
        }
        s.limit(of_speech, LOUDEST_SPEECH[band]);
        n.limit(of_noise, LOUDEST_NOISE[band]);
    }

    /// Speech goes on for some windows.
    fn smooth(&mut self, speech: bool, [some, many]: [i16; 2]) -> bool {
        if speech {
            self.lasting += 1;
            self.hold = if self.lasting > LASTING { many } else { some };
            self.lasting = self.lasting.min(LASTING);
            return true;
        }
        self.lasting = 0;
        let held = self.hold > 0;
        self.hold -= i16::from(held);
        held
    }
}

impl Mixture {
    #[inline(always)]
    fn follow_speech(&mut self, k: usize, value: i16, fit: &Fit, loudest: i16) {
        let old = self.means[k];
        let step = low((i32::from(fit.shares[k]) * i32::from(fit.slopes[k])) >> 11);
        let step = low((i32::from(step) * FOLLOW_SPEECH) >> 21);
        let new = old.wrapping_add(low((i32::from(step) + 1) >> 1));
        self.means[k] = new.max(SOFTEST_SPEECH[k]).min(loudest);

        let away = value.wrapping_sub(low((i32::from(old) + 4) >> 3));
        let error = ((i32::from(fit.slopes[k]) * i32::from(away)) >> 3) - 4_096;
        let step = i32::from(fit.shares[k] >> 2).wrapping_mul(error) >> 4;
        let step = divide_either_way(step, low(i32::from(self.deviations[k]) * 10));
        self.widen(k, step.wrapping_add(128) >> 8);
    }

    /// `mean` is the one before it followed.
    #[inline(always)]
    fn spread_as_noise(&mut self, k: usize, value: i16, mean: i16, fit: &Fit) {
        let away = value.wrapping_sub(mean >> 3);
        let error = ((i32::from(fit.slopes[k]) * i32::from(away)) >> 3) - 4_096;
        let step = i32::from(fit.shares[k].wrapping_add(2) >> 2).wrapping_mul(error) >> 14;
        let step = divide_either_way(step, self.deviations[k]);
        self.widen(k, step.wrapping_add(32) >> 6);
    }

    #[inline(always)]
    fn widen(&mut self, k: usize, by: i16) {
        self.deviations[k] = self.deviations[k].wrapping_add(by).max(LEAST_DEVIATION);
    }
}
