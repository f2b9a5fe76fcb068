#!/usr/bin/env perl
# A proxy between clients and a server that passes on what both send, or garbles it.
# Usage: liar.perl PORT SERVER_PORT MODE_FILE, all on this host. The mode is read for each connection:
#   pass; slow: each answer 0.3 s late; nothing: no answer; close; rubbish; half: a part of an answer, and no more;
#   endless: an answer without an end, as fast as it is taken
# SIGHUP cuts all connections.
use strict;
use warnings;
use Socket;

my ($port, $server_port, $mode_file) = @ARGV;

sub tcp { socket my $socket, PF_INET, SOCK_STREAM, 6 or die "socket: $!"; return $socket }

sub pass {
    my ($client, $delay) = @_;
    my $server = tcp();
    connect $server, pack_sockaddr_in($server_port, INADDR_LOOPBACK) or return;
    my %other = (fileno $client => $server, fileno $server => $client);
    while (1) {
        my $readable = '';
        vec($readable, $_, 1) = 1 for keys %other;
        next unless select($readable, undef, undef, undef) > 0;
        for my $from ($client, $server) {
            next unless vec $readable, fileno $from, 1;
            return unless sysread $from, my $bytes, 65536;
            select undef, undef, undef, $delay if $delay && $from == $server;
            return unless syswrite $other{fileno $from}, $bytes;
        }
    }
}

sub lie {
    my ($client, $mode) = @_;
    return if $mode eq 'close';
    sysread $client, my $request, 65536;
    sleep 600 if $mode eq 'nothing';
    my $ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    syswrite $client, "${ok}Content-Length: 7\r\n\r\nrubbish" if $mode eq 'rubbish';
    if ($mode eq 'half') {
        syswrite $client, qq(${ok}Content-Length: 5000\r\n\r\n{"header": {"revision": "9);
        sleep 600;
    }
    return unless $mode eq 'endless';
    syswrite $client, qq($ok\r\n{"header": {"cluster_id": ");
    1 while syswrite $client, 'x' x 65536;
}

$SIG{PIPE} = 'IGNORE';
my %children;
$SIG{HUP} = sub { kill KILL => keys %children };
my $listener = tcp();
setsockopt $listener, SOL_SOCKET, SO_REUSEADDR, 1;
bind $listener, pack_sockaddr_in($port, INADDR_ANY) or die "bind: $!";
listen $listener, 64 or die "listen: $!";
while (1) {
    while ((my $ended = waitpid -1, 1) > 0) { delete $children{$ended} }
    accept my $client, $listener or next;
    my $child = fork // die "fork: $!";
    if ($child) { $children{$child} = 1; next }
    $SIG{HUP} = 'IGNORE';
    open my $file, '<', $mode_file or die "$mode_file: $!";
    chomp(my $mode = <$file>);
    $mode =~ /^(pass|slow)$/ ? pass($client, $mode eq 'slow' ? 0.3 : 0) : lie($client, $mode);
    exit;
}
