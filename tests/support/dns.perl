#!/usr/bin/env perl
# A DNS server on 127.0.0.1 for one etcd member, m1.cluster.test, which is at ADDRESS and port 2379.
# Usage: dns.perl ADDRESS. It knows the SRV records of _etcd-client._tcp.cluster.test and the member's A record.
use strict;
use warnings;
use Socket;

my ($address) = @ARGV;
my %answers = (
    '_etcd-client._tcp.cluster.test 33' => pack('n3', 0, 0, 2379) . name('m1.cluster.test'),
    'm1.cluster.test 1' => inet_aton($address),
);

sub name { return join('', map { pack 'C/a', $_ } split /\./, shift) . "\0" }

socket my $socket, PF_INET, SOCK_DGRAM, 17 or die "socket: $!";
bind $socket, pack_sockaddr_in(53, INADDR_LOOPBACK) or die "bind: $!";
while (my $client = recv $socket, my $query, 512, 0) {
    my ($id, $at, @labels) = (unpack('n', $query), 12);
    while (my $length = ord substr $query, $at, 1) {
        push @labels, substr $query, $at + 1, $length;
        $at += $length + 1;
    }
    my ($asked, $type) = (lc join('.', @labels), unpack 'n', substr $query, $at + 1, 2);
    my $data = $answers{"$asked $type"};
    my $is_known = grep { /^\Q$asked\E / } keys %answers;
    my $reply = pack 'n6', $id, 0x8580 | ($is_known ? 0 : 3), 1, defined $data ? 1 : 0, 0, 0;
    $reply .= substr $query, 12, $at + 5 - 12;
    $reply .= pack('n n n N n/a', 0xc00c, $type, 1, 1, $data) if defined $data;
    send $socket, $reply, 0, $client;
}
