# Runs a program in an environment of arbitrary bytes: duplicate names, values that are not UTF-8, and so on. No
# standard tool can do this. Each line of standard input is one NAME=value, in hexadecimal.
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
