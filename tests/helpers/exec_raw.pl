# Runs a program in an environment of any bytes: names that stand there twice, values that are no UTF-8, whatever. No
# tool passes on what this does. Each line of standard input is one NAME=value, in hexadecimal.
#
# usage: perl exec_raw.pl PROGRAM [ARGUMENT...]
use strict;
use warnings;
my %execve = ("x86_64" => 59, "aarch64" => 221);
my $machine = `uname -m`;
chomp $machine;
my @environment = map { chomp; pack("H*", $_) } <STDIN>;
my $path = $ARGV[0];
my $arguments = pack("p*", @ARGV, undef);
my $variables = pack("p*", @environment, undef);
syscall($execve{$machine}, $path, $arguments, $variables);
die "execve: $!\n";
