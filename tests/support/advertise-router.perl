#!/usr/bin/perl
# Says on a link, once, that its own host is an IPv6 router for half an hour and that a /64 lies there (RFC 4861).
# Usage: advertise-router.perl LINK PREFIX, PREFIX such as 2001:db8:1::. The link needs a link-local address.
use strict;
use warnings;
use Socket qw(AF_INET6 SOCK_RAW SOL_SOCKET IPPROTO_IPV6 inet_pton pack_sockaddr_in6);

use constant {ICMPV6 => 58, MULTICAST_HOPS => 18, MULTICAST_IF => 17, BINDTODEVICE => 25};

my ($link, $prefix) = @ARGV;
open(my $index_file, '<', "/proc/self/net/if_inet6") or die "if_inet6: $!";
my ($index) = map { hex((split)[1]) } grep { (split)[5] eq $link } <$index_file>;
die "$link has no IPv6 address\n" unless $index;

socket(my $socket, AF_INET6, SOCK_RAW, ICMPV6) or die "socket: $!";
setsockopt($socket, SOL_SOCKET, BINDTODEVICE, $link) or die "SO_BINDTODEVICE: $!";
setsockopt($socket, IPPROTO_IPV6, MULTICAST_HOPS, 255) or die "IPV6_MULTICAST_HOPS: $!";
setsockopt($socket, IPPROTO_IPV6, MULTICAST_IF, $index) or die "IPV6_MULTICAST_IF: $!";

# Type, code, checksum (the kernel's work), hop limit, flags, lifetime, two timers.
my $advertisement = pack('CCnCCnNN', 134, 0, 0, 64, 0, 1800, 0, 0);
# Prefix information: on the link, and to be used for addresses.
$advertisement .= pack('CCCCNNN', 3, 4, 64, 0xc0, 86400, 14400, 0) . inet_pton(AF_INET6, $prefix);
send($socket, $advertisement, 0, pack_sockaddr_in6(0, inet_pton(AF_INET6, 'ff02::1'), $index)) or die "send: $!";
