package io.klingtracker.egress;

import io.netty.util.NetUtil;

/** A range of addresses, IPv4 or IPv6. */
final class Cidr {

  private final byte[] network;
  private final int bits;

  private Cidr(byte[] network, int bits) {
    this.network = network;
    this.bits = bits;
  }

  /**
   * Reads {@code address/bits}; a bare address is a range of one.
   *
   * @throws IllegalArgumentException when it is neither
   */
  static Cidr parse(String text) {
    int slash = text.indexOf('/');
    String address = slash < 0 ? text : text.substring(0, slash);
    byte[] network = NetUtil.createByteArrayFromIpAddressString(address);
    if (network == null) {
      throw new IllegalArgumentException("'" + text + "' is not a range such as 10.0.0.0/8");
    }
    int all = network.length * 8;
    int bits = slash < 0 ? all : bits(text, slash, all);
    return new Cidr(network, bits);
  }

  private static int bits(String text, int slash, int all) {
    try {
      int bits = Integer.parseInt(text.substring(slash + 1));
      if (bits >= 0 && bits <= all) {
        return bits;
      }
    } catch (NumberFormatException e) {
      // Falls through to the same words.
    }
    throw new IllegalArgumentException("'" + text + "' has no prefix length of 0 to " + all);
  }

  /** Whether the address is of the same family and lies in the range. */
  boolean contains(byte[] address) {
    if (address.length != network.length) {
      return false;
    }
    for (int bit = 0; bit < bits; bit += 8) {
      int mask = bits - bit >= 8 ? 0xff : 0xff << (8 - (bits - bit)) & 0xff;
      if ((address[bit / 8] & mask) != (network[bit / 8] & mask)) {
        return false;
      }
    }
    return true;
  }

  @Override
  public String toString() {
    return NetUtil.bytesToIpAddress(network) + '/' + bits;
  }
}
