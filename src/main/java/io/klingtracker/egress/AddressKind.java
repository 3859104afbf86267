package io.klingtracker.egress;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an address is for, by the special-purpose registries of IANA. Only {@link #PUBLIC} is
 * anybody's receiver; IPv6 is read by allow-list: outside 2000::/3 nothing is public.
 */
enum AddressKind {
  PUBLIC("public"),
  LOOPBACK("loopback"),
  PRIVATE("private"),
  LINK_LOCAL("link-local"),
  METADATA("cloud metadata"),
  SHARED("carrier-grade NAT"),
  MULTICAST("multicast"),
  RESERVED("reserved");

  private static final int MAPPED_BITS = 96;

  /** Metadata services first: they hide in ranges that an operator may open. */
  private static final List<Entry> ENTRIES =
      List.of(
          entry("169.254.169.254/32", METADATA),
          entry("169.254.170.2/32", METADATA),
          entry("100.100.100.200/32", METADATA),
          entry("168.63.129.16/32", METADATA),
          entry("192.0.0.192/32", METADATA),
          entry("fd00:ec2::/32", METADATA),
          entry("fd20:ce::/32", METADATA),
          entry("0.0.0.0/8", RESERVED),
          entry("10.0.0.0/8", PRIVATE),
          entry("100.64.0.0/10", SHARED),
          entry("127.0.0.0/8", LOOPBACK),
          entry("169.254.0.0/16", LINK_LOCAL),
          entry("172.16.0.0/12", PRIVATE),
          entry("192.0.0.0/24", RESERVED),
          entry("192.0.2.0/24", RESERVED),
          entry("192.31.196.0/24", RESERVED),
          entry("192.52.193.0/24", RESERVED),
          entry("192.88.99.0/24", RESERVED),
          entry("192.168.0.0/16", PRIVATE),
          entry("192.175.48.0/24", RESERVED),
          entry("198.18.0.0/15", RESERVED),
          entry("198.51.100.0/24", RESERVED),
          entry("203.0.113.0/24", RESERVED),
          entry("224.0.0.0/4", MULTICAST),
          entry("240.0.0.0/4", RESERVED),
          entry("::1/128", LOOPBACK),
          entry("fc00::/7", PRIVATE),
          entry("fe80::/10", LINK_LOCAL),
          entry("fec0::/10", RESERVED),
          entry("ff00::/8", MULTICAST),
          entry("2001::/23", RESERVED),
          entry("2001:db8::/32", RESERVED),
          // 6to4 leads to whatever IPv4 address it spells, over relays that are gone.
          entry("2002::/16", RESERVED),
          entry("2620:4f:8000::/48", RESERVED),
          entry("3fff::/20", RESERVED));

  /** IPv6 addresses that reach an IPv4 one: it is the IPv4 one that counts. */
  private static final List<Cidr> EMBEDDING =
      List.of(Cidr.parse("::/96"), Cidr.parse("::ffff:0:0/96"), Cidr.parse("64:ff9b::/96"));

  private static final Cidr IPV6_PUBLIC = Cidr.parse("2000::/3");

  private final String words;

  AddressKind(String words) {
    this.words = words;
  }

  /** For people: "a … address". */
  String words() {
    return words;
  }

  /** What this address is for, seen through every way of writing IPv4 inside IPv6. */
  static AddressKind of(InetAddress address) {
    return of(address.getAddress());
  }

  private static AddressKind of(byte[] address) {
    for (Entry entry : ENTRIES) {
      if (entry.range.contains(address)) {
        return entry.kind;
      }
    }
    if (address.length == 4) {
      return PUBLIC;
    }
    byte[] embedded = embedded(address);
    if (embedded != null) {
      return of(embedded);
    }
    return IPV6_PUBLIC.contains(address) ? PUBLIC : RESERVED;
  }

  /** The IPv4 address inside, if there is one, else the address itself. */
  static InetAddress plain(InetAddress address) {
    byte[] embedded = embedded(address.getAddress());
    if (embedded == null) {
      return address;
    }
    try {
      return InetAddress.getByAddress(embedded);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("four bytes are an address", e);
    }
  }

  private static byte @Nullable [] embedded(byte[] address) {
    for (Cidr embedding : EMBEDDING) {
      if (embedding.contains(address)) {
        return Arrays.copyOfRange(address, MAPPED_BITS / 8, address.length);
      }
    }
    return null;
  }

  private static Entry entry(String range, AddressKind kind) {
    return new Entry(Cidr.parse(range), kind);
  }

  private record Entry(Cidr range, AddressKind kind) {}
}
