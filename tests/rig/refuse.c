/* An ALSA device that does not open: `type refuse errno N`. */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

SND_PCM_PLUGIN_DEFINE_FUNC(refuse)
{
    snd_config_t *entry;
    long number = 5;
    (void)pcmp; (void)name; (void)root; (void)stream; (void)mode;
    if (snd_config_search(conf, "errno", &entry) == 0)
        snd_config_get_integer(entry, &number);
    return -(int)number;
}
SND_PCM_PLUGIN_SYMBOL(refuse);
