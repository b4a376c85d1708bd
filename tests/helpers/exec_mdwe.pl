# Runs a program under PR_SET_MDWE: the kernel then refuses writable and executable memory, and making existing memory
# executable, as do systemd's MemoryDenyWriteExecute= and SELinux's execmem.
#
# usage: perl exec_mdwe.pl PROGRAM [ARGUMENT...]
use strict;
use warnings;
my %prctl = ("x86_64" => 157, "aarch64" => 167);
my ($PR_SET_MDWE, $PR_MDWE_REFUSE_EXEC_GAIN) = (65, 1);
my $machine = `uname -m`;
chomp $machine;
# Linux 6.3 and newer.
syscall($prctl{$machine}, $PR_SET_MDWE, $PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0 or die "PR_SET_MDWE: $!\n";
exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\n";
