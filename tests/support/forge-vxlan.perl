#!/usr/bin/env perl
# Sends one hand-made VXLAN packet, as a pod might: an echo request that seems to come from another pod.
# Usage: forge-vxlan.perl DESTINATION PORT VNI VTEP_MAC INNER_SOURCE INNER_DESTINATION [OUTER_SOURCE]
# All addresses IPv4. With an outer source that is not its own it needs CAP_NET_RAW.
use strict;
use warnings;
use Socket;

my ($icmp, $udp_protocol) = (1, 17);
my ($destination, $port, $vni, $mac, $inner_source, $inner_destination, $outer_source) = @ARGV;

sub checksum {
    my $sum = 0;
    $sum += $_ for unpack 'n*', length($_[0]) % 2 ? "$_[0]\0" : $_[0];
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

# RFC 791, without options.
sub ipv4 {
    my ($source, $to, $protocol, $payload) = @_;
    my $header = sub {
        pack 'CCnnnCCna4a4', 0x45, 0, 20 + length $payload, 1, 0, 64, $protocol, $_[0], inet_aton($source), inet_aton($to);
    };
    return $header->(checksum($header->(0))) . $payload;
}

my $echo = sub { pack 'CCnnna8', 8, 0, $_[0], 0x666c, 1, 'forged!!' };
my $inner = ipv4($inner_source, $inner_destination, $icmp, $echo->(checksum($echo->(0))));
my $frame = pack('H12 H12 n', $mac =~ tr/://dr, '0200000000aa', 0x0800) . $inner;
my $vxlan = pack('CxxxN', 0x08, $vni << 8) . $frame;    # RFC 7348

if (defined $outer_source) {
    my $udp = pack('nnnn', 50000, $port, 8 + length $vxlan, 0) . $vxlan;
    socket my $raw, PF_INET, SOCK_RAW, 255 or die "raw socket: $!";
    send $raw, ipv4($outer_source, $destination, $udp_protocol, $udp), 0, pack_sockaddr_in(0, inet_aton($destination)) or die "send: $!";
} else {
    socket my $socket, PF_INET, SOCK_DGRAM, $udp_protocol or die "socket: $!";
    send $socket, $vxlan, 0, pack_sockaddr_in($port, inet_aton($destination)) or die "send: $!";
}
