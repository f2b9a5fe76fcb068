#!/usr/bin/env perl
# Pings an IPv4 address until SIGTERM, and then prints what was lost: {"sent":…,"lost":…,"longest":…}, the last
# being the longest time without an answer in milliseconds.
# Usage: outage.perl ADDRESS INTERVAL_MS
use strict;
use warnings;
use Socket;
use Time::HiRes qw(time);

my ($address, $interval) = ($ARGV[0], $ARGV[1] / 1000);
my $icmp = 1;
socket my $socket, PF_INET, SOCK_RAW, $icmp or die "socket: $!";
my $to   = pack_sockaddr_in(0, inet_aton($address));
my ($stop, $next) = (0, time);
$SIG{TERM} = sub { $stop = 1; $next = time + 0.5 };    # the last answers may be on their way

sub checksum {
    my $sum = 0;
    $sum += $_ for unpack 'n*', $_[0];
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

my ($sent, @sent_at, @answered) = (0);
until ($stop && time > $next) {
    if (!$stop && time >= $next) {
        my $echo = pack 'CCnnNx8', 8, 0, 0, $$ & 0xffff, $sent;
        substr $echo, 2, 2, pack 'n', checksum($echo);
        $sent_at[$sent++] = time;
        send $socket, $echo, 0, $to;    # what cannot be sent is lost
        $next = time + $interval;
    }
    my $readable = '';
    vec($readable, fileno $socket, 1) = 1;
    next unless select($readable, undef, undef, $next > time ? $next - time : 0) > 0;
    next unless defined recv $socket, my $packet, 1500, 0;
    my ($type, undef, undef, $id, $number) = unpack 'CCnnN', substr $packet, 20;
    $answered[$number] = 1 if $type == 0 && $id == ($$ & 0xffff) && $number < $sent;
}

my ($lost, $run, $longest) = (0, undef, 0);
for my $number (0 .. $sent - 1) {
    if ($answered[$number]) { undef $run; next }
    $lost++;
    $run //= $sent_at[$number];
    my $end = $number + 1 < $sent ? $sent_at[$number + 1] : $sent_at[$number] + $interval;
    $longest = $end - $run if $end - $run > $longest;
}
printf qq({"sent":%d,"lost":%d,"longest":%d}\n), $sent, $lost, $longest * 1000;
