#!/usr/bin/env python3
"""Frames as a hostile pod sends them, and what of them arrives elsewhere.

forge.py send LINK FRAME...   sends each frame once. FRAME: "LABEL KIND [KEY=VALUE]..."
    KIND: arp na ns ra redirect query udp raw. Keys: from, to (MACs; from: the link's, to: broadcast), src, dst
    (addresses of the IP header), sport, dport, sender, target (of ARP and of neighbours), op (of ARP), lladdr, vlan (a
    number, or two: "5,6"), hop=1 (a hop-by-hop header), fragment=1 (the first of two), type (of raw: hexadecimal).
forge.py flood LINK COUNT     sends so many frames, each from another MAC
forge.py catch LINK           prints "ready", then the label of each frame that comes, until that of "end" has
"""
import re
import socket
import struct
import sys

MARK = b'forged:'


def marked(key):
    return MARK + key['label'].encode() + b'\0'


def mac(text):
    return bytes.fromhex(text.replace(':', ''))


def packed(text):
    return socket.inet_pton(socket.AF_INET6 if ':' in text else socket.AF_INET, text)


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(key, protocol, payload):
    flags = 0x2000 if 'fragment' in key else 0
    header = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), 1, flags, 64, protocol, 0, packed(key['src']),
                         packed(key['dst']))
    return 0x0800, header[:10] + struct.pack('!H', checksum(header)) + header[12:] + payload


def ipv6(key, protocol, payload, hop_limit=255):
    if 'fragment' in key:
        payload, protocol = struct.pack('!BBHI', protocol, 0, 1, 7) + payload, 44
    if 'hop' in key:
        payload, protocol = struct.pack('!BB', protocol, 0) + b'\1\4' + b'\0' * 4 + payload, 0
    header = struct.pack('!IHBB', 6 << 28, len(payload), protocol, hop_limit)
    return 0x86dd, header + packed(key['src']) + packed(key['dst']) + payload


def transport(key, protocol, offset, segment):
    """With its checksum at an offset."""
    pseudo = packed(key['src']) + packed(key['dst']) + struct.pack('!II', len(segment), protocol)
    segment = segment[:offset] + struct.pack('!H', checksum(pseudo + segment)) + segment[offset + 2:]
    return (ipv6 if ':' in key['src'] else ipv4)(key, protocol, segment)


def icmpv6(key, kind, body):
    mark = marked(key)
    option = struct.pack('!BB', 253, (len(mark) + 9) // 8) + mark  # RFC 4861 section 4.6, of a type for experiments
    return transport(key, 58, 2, struct.pack('!BBH', kind, 0, 0) + body + option + bytes(-len(option) % 8))


def arp(key):
    op = {'request': 1, 'reply': 2}[key.get('op', 'reply')]
    return 0x0806, (struct.pack('!HHBBH', 1, 0x800, 6, 4, op) + mac(key['lladdr']) + packed(key['sender']) + b'\xff' * 6 +
                    packed(key['target']) + marked(key))


def na(key):
    return icmpv6(key, 136, struct.pack('!I', 0x60000000) + packed(key['target']) + b'\2\1' + mac(key['lladdr']))


def ns(key):
    option = b'' if key['src'] == '::' else b'\1\1' + mac(key['lladdr'])
    return icmpv6(key, 135, bytes(4) + packed(key['target']) + option)


def ra(key):
    return icmpv6(key, 134, struct.pack('!BBHII', 64, 0, 1800, 0, 0) + b'\1\1' + mac(key['lladdr']))


def redirect(key):
    return icmpv6(key, 137, bytes(4) + packed(key['target']) + packed(key['dst']))


def query(key):
    if ':' in key['src']:
        return icmpv6(key, 130, bytes(20))
    body = bytes(4) + marked(key)
    return ipv4(key, 2, b'\x11\x64' + struct.pack('!H', checksum(b'\x11\x64\0\0' + body)) + body)


def udp(key):
    body = marked(key)
    ports = struct.pack('!HH', int(key.get('sport', 4000)), int(key.get('dport', 4001)))
    return transport(key, 17, 6, ports + struct.pack('!HH', 8 + len(body), 0) + body)


def raw(key):
    return int(key['type'], 16), marked(key) + bytes(46)


def frame(spec, own):
    label, kind, *pairs = spec.split()
    key = {'from': own, 'to': 'ff:ff:ff:ff:ff:ff', 'lladdr': own, 'label': label, **dict(one.split('=') for one in pairs)}
    protocol, payload = globals()[kind](key)
    tags = b''.join(struct.pack('!HH', 0x8100, int(tag)) for tag in key['vlan'].split(',')) if 'vlan' in key else b''
    header = mac(key['to']) + mac(key['from']) + tags + struct.pack('!H', protocol)
    return header + payload


def main():
    verb, link = sys.argv[1:3]
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    packets.bind((link, 0))
    if verb == 'send':
        own = packets.getsockname()[4].hex(':')
        for spec in sys.argv[3:]:
            packets.send(frame(spec, own))
    elif verb == 'flood':
        for number in range(int(sys.argv[3])):
            packets.send(b'\2\xde\0\0\0\1\2\x11' + struct.pack('!I', number) + b'\x88\xb5' + b'\0' * 46)
    elif verb == 'catch':
        print('ready', flush=True)
        label = ''
        while label != 'end':
            data, source = packets.recvfrom(2000)
            found = re.search(MARK + rb'([\w.-]+)', data)
            if found and source[2] != socket.PACKET_OUTGOING:
                label = found.group(1).decode()
                print(label, flush=True)


main()
