/* An ALSA device that does not open while a file is there, and then is another one:
   `type refuse errno N while "FILE" then NAME`. */
#include <unistd.h>
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

SND_PCM_PLUGIN_DEFINE_FUNC(refuse)
{
    snd_config_t *entry;
    long number = 5;
    const char *file, *other;
    (void)name;
    if (snd_config_search(conf, "errno", &entry) == 0)
        snd_config_get_integer(entry, &number);
    if (snd_config_search(conf, "while", &entry) < 0 || snd_config_get_string(entry, &file) < 0
        || snd_config_search(conf, "then", &entry) < 0 || snd_config_get_string(entry, &other) < 0)
        return -EINVAL;
    return access(file, F_OK) == 0 ? -(int)number : snd_pcm_open_lconf(pcmp, other, stream, mode, root);
}
SND_PCM_PLUGIN_SYMBOL(refuse);
