#!/usr/bin/env perl
# Sends one hand-made VXLAN packet, as a pod might: an echo request that seems to come from another pod.
# Usage: forge-vxlan.perl DESTINATION PORT|ipip VNI VTEP_MAC INNER_SOURCE INNER_DESTINATION [OUTER_SOURCE [SOURCE_PORT]]
# Addresses of either family, the inner two of one. With an outer source (IPv4) that is not its own it needs
# CAP_NET_RAW. With `ipip` the packet is one of IPv4 in IPv4, which needs CAP_NET_RAW too; VNI and MAC are not used.
use strict;
use warnings;
use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6);

my ($icmp, $udp_protocol, $icmp6) = (1, 17, 58);
my ($destination, $port, $vni, $mac, $inner_source, $inner_destination, $outer_source, $source_port) = @ARGV;

sub is_v6 { return $_[0] =~ /:/ }

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

# An echo request in an Ethernet frame's payload, by RFC 792, or by RFC 8200 and 4443.
sub echo_request {
    my ($source, $to) = @_;
    my $echo = sub { pack 'CCnnna8', $_[0], 0, $_[1], 0x666c, 1, 'forged!!' };
    return ipv4($source, $to, $icmp, $echo->(8, checksum($echo->(8, 0)))) unless is_v6($to);
    my ($from6, $to6) = map { inet_pton(AF_INET6, $_) } $source, $to;
    my $bare = $echo->(128, 0);
    my $pseudo_header = $from6 . $to6 . pack 'NN', length $bare, $icmp6;
    return pack('NnCC', 6 << 28, length $bare, $icmp6, 64) . $from6 . $to6 . $echo->(128, checksum($pseudo_header . $bare));
}

if ($port eq 'ipip') {
    socket my $raw, PF_INET, SOCK_RAW, 4 or die "raw socket: $!";
    send $raw, echo_request($inner_source, $inner_destination), 0, pack_sockaddr_in(0, inet_aton($destination)) or die "send: $!";
    exit;
}

my $type = is_v6($inner_destination) ? 0x86dd : 0x0800;
my $frame = pack('H12 H12 n', $mac =~ tr/://dr, '0200000000aa', $type) . echo_request($inner_source, $inner_destination);
my $vxlan = pack('CxxxN', 0x08, $vni << 8) . $frame;    # RFC 7348

if ($outer_source) {
    my $udp = pack('nnnn', 50000, $port, 8 + length $vxlan, 0) . $vxlan;
    socket my $raw, PF_INET, SOCK_RAW, 255 or die "raw socket: $!";
    send $raw, ipv4($outer_source, $destination, $udp_protocol, $udp), 0, pack_sockaddr_in(0, inet_aton($destination)) or die "send: $!";
} else {
    my $to = is_v6($destination) ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $destination)) : pack_sockaddr_in($port, inet_aton($destination));
    socket my $socket, is_v6($destination) ? PF_INET6 : PF_INET, SOCK_DGRAM, $udp_protocol or die "socket: $!";
    bind $socket, pack_sockaddr_in($source_port, INADDR_ANY) or die "bind: $!" if $source_port;
    send $socket, $vxlan, 0, $to or die "send: $!";
}
