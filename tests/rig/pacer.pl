# The clock of the virtual microphone. Every 10 ms of the monotonic clock it writes a block of 16-bit
# samples into the pipe that the sound server reads: of the file being played, else silence.
#
#   pacer.pl DIR RATE CHANNELS             be the clock
#   pacer.pl --raw FILE.wav RATE CHANNELS  print the samples of a file that fits as it is
#
# It is told what to do by files in DIR, looked for once per block: queue/*.raw to play, oldest name
# first, answered by a .done beside it; `stall` with a number of seconds in which to write nothing.
use strict;
use warnings;
use Errno qw(EAGAIN);
use Fcntl qw(O_RDWR O_NONBLOCK);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

if ($ARGV[0] eq '--raw') { print raw(@ARGV[1 .. 3]); exit }

my ($dir, $rate, $channels) = @ARGV;
my $frame = 2 * $channels;
my $slice = int(4096 / $frame) * $frame;    # what a pipe takes whole or not at all
my ($pipe, $inode, $job);
my ($stalled, $ticks) = (0, 0);
my ($held, $taken) = (0, 0);                # bytes that lie in the pipe; when somebody last took some
my ($starved, $told) = (0, 0);              # frames that nobody took, and how many of them are told of
my $begin = now();
spill("$dir/ticking", '');

while (1) {
    my $from = int($ticks * $rate / 100);
    my $frames = int(++$ticks * $rate / 100) - $from;
    my $early = $begin + ($from + $frames) / $rate - now();
    select undef, undef, undef, $early if $early > 0;
    plug();
    stall();
    block($frames * $frame);
}

sub now { return clock_gettime(CLOCK_MONOTONIC) }

# The server makes the pipe anew whenever the device is plugged in.
sub plug {
    my $found = (stat "$dir/pipe")[1] // 0;
    return if $found == ($inode // 0);
    ($inode, $pipe, $held) = ($found, undef, 0);
    return if !$found;
    # Also for reading, so that it opens and writes without the server.
    sysopen $pipe, "$dir/pipe", O_RDWR | O_NONBLOCK or ($inode, $pipe) = ();
    # Little may lie in it while nobody listens: what lies in it is old.
    fcntl $pipe, 1031, 16384 if $pipe;    # F_SETPIPE_SZ
}

sub stall {
    return if !-e "$dir/stall";
    $stalled = now() + slurp("$dir/stall");
    unlink "$dir/stall";
}

sub block {
    my ($size) = @_;
    $job //= next_job();
    my $own = $job ? substr $job->{data}, $job->{at}, $size : '';
    $job->{start} //= now() if $job;
    my $since = $job && $job->{start} > $taken ? $job->{start} : $taken;
    my $lost = $size - emit($own . "\0" x ($size - length $own), $since);
    $starved += $lost / $frame;
    $job->{dropped} += $lost if $job;
    if ($starved > $told && now() < $taken + 0.5) {
        $told = $starved;
        spill("$dir/starved", "$told\n");
    }
    return if !$job;
    $job->{at} += length $own;
    $job->{data} = substr $job->{data}, 0, $job->{at} if unlink "$dir/hush";
    return if $job->{at} < length $job->{data};
    spill("$job->{name}.done", sprintf "frames=%d start_ns=%.0f dropped=%d\n",
        $job->{at} / $frame, $job->{start} * 1e9, $job->{dropped} / $frame);
    $job = undef;
}

sub next_job {
    opendir my $queue, "$dir/queue" or return;
    my ($first) = sort grep { /\.raw$/ } readdir $queue;
    return if !defined $first;
    my $data = slurp("$dir/queue/$first");
    unlink "$dir/queue/$first";
    return { name => "$dir/queue/" . $first =~ s/\.raw$//r, data => $data, at => 0, dropped => 0 };
}

# Writes a block and returns how many bytes were taken. Where there is no room it waits, up to half a
# second from $since or from when somebody last took something: the server may be late, or this clock may.
# Then nobody listens: what lies in the pipe is old, and makes way.
sub emit {
    my ($bytes, $since) = @_;
    my $old = 0;
    for (my $at = 0; $at < length $bytes; $at += $slice) {
        my $piece = substr $bytes, $at, $slice;
        return $at - $old if !$pipe || now() < $stalled;
        while (look(), !defined syswrite $pipe, $piece) {
            return $at - $old if $! != EAGAIN;
            if (now() > ($taken > $since ? $taken : $since) + 0.5) {
                $old += sysread($pipe, my $gone, $held) // 0;
                $held = 0;
                next;
            }
            my $ready = '';
            vec($ready, fileno $pipe, 1) = 1;
            select undef, $ready, undef, 0.01;
            plug();
            return $at - $old if !$pipe;
        }
        $held += length $piece;
    }
    return length($bytes) - $old;
}

# Whether somebody has taken something out of the pipe.
sub look {
    my $bytes = pack 'i', 0;
    ioctl $pipe, 0x541b, $bytes or die "FIONREAD: $!\n";
    my $lies = unpack 'i', $bytes;
    $taken = now() if $lies < $held;
    $held = $lies;
}

sub slurp { open my $in, '<:raw', $_[0] or die "$_[0]: $!\n"; local $/; return scalar(<$in>) // '' }

# In place at once, so that nobody sees half of it.
sub spill {
    my ($path, $text) = @_;
    open my $out, '>:raw', "$path.new" or die "$path: $!\n";
    print {$out} $text;
    close $out or die "$path: $!\n";
    rename "$path.new", $path or die "$path: $!\n";
}

# 16-bit samples of the microphone's rate, in its channels or in one, which then goes to all.
sub raw {
    my ($path, $want_rate, $want_channels) = @_;
    my $wav = slurp($path);
    my %chunk;
    die "$path: no WAV file\n" if $wav !~ /^RIFF....WAVE/s;
    for (my $at = 12; $at + 8 <= length $wav;) {
        my ($id, $size) = unpack 'a4V', substr $wav, $at, 8;
        $chunk{$id} //= substr $wav, $at + 8, $size;
        $at += 8 + $size + $size % 2;
    }
    my ($tag, $have, $hz, undef, undef, $bits) = unpack 'vvVVvv', $chunk{'fmt '} // '';
    my $data = $chunk{data} // '';
    die "$path: not 16 bits at $want_rate Hz in $want_channels channels or one\n"
        if !defined $bits || $bits != 16 || $hz != $want_rate || ($have != $want_channels && $have != 1) || !length $data;
    $data = join '', map { $_ x $want_channels } unpack '(a2)*', $data if $have < $want_channels;
    binmode STDOUT;
    return $data;
}
