package io.klingtracker.egress;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Which receivers may be called. A URL is asked about twice: by its spelling when the task is
 * submitted, and by the address that is about to be dialled at every attempt.
 */
@Singleton
public final class TargetPolicy {

  /** Below it only those of HTTP itself: the others are of services that are none of callers'. */
  private static final int FIRST_FREE_PORT = 1024;

  private static final Set<Integer> WEB_PORTS = Set.of(80, 443);

  private static final Set<String> LOCAL_SUFFIXES =
      Set.of("localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa");

  private final boolean allowPrivate;
  private final HostList allowed;
  private final HostList blocked;

  /** The policy that the operator has configured. */
  @Inject
  public TargetPolicy(TargetConfig config) {
    this(config.allowPrivate(), config.allow().orElse(List.of()), config.block().orElse(List.of()));
  }

  /**
   * A policy.
   *
   * @param allowPrivate opens loopback and private ranges
   * @param allowed names ({@code *.example.com}) and ranges whose loopback, private and shared
   *     addresses may be called all the same
   * @param blocked names and ranges never called
   */
  public TargetPolicy(boolean allowPrivate, List<String> allowed, List<String> blocked) {
    this.allowPrivate = allowPrivate;
    this.allowed = HostList.parse("tracker.webhook.allow", allowed);
    this.blocked = HostList.parse("tracker.webhook.block", blocked);
  }

  /**
   * Reads a callback_url that may be called as far as its spelling shows.
   *
   * @throws RefusedTargetException when it never can be
   */
  public Target read(String url) throws RefusedTargetException {
    Target target = Target.parse(url);
    if (target.port() < FIRST_FREE_PORT && !WEB_PORTS.contains(target.port())) {
      throw new RefusedTargetException("must use port 80, 443 or one from 1024 to 65535");
    }
    if (blocked.names(target.host())) {
      throw new RefusedTargetException("names a host that the operator has blocked");
    }
    InetAddress address = target.address();
    if (address != null) {
      check(target, address);
    } else if (isLocalName(target.host()) && !allowPrivate && !allowed.names(target.host())) {
      throw new RefusedTargetException("must name a host of the public internet");
    }
    return target;
  }

  /**
   * Judges the address that is about to be dialled.
   *
   * @throws RefusedTargetException when it must not be
   */
  public void check(Target target, InetAddress address) throws RefusedTargetException {
    InetAddress plain = AddressKind.plain(address);
    if (blocked.covers(plain) || blocked.covers(address)) {
      throw new RefusedTargetException("leads to an address that the operator has blocked");
    }
    AddressKind kind = AddressKind.of(address);
    boolean open =
        switch (kind) {
          case PUBLIC -> true;
          case LOOPBACK, PRIVATE -> allowPrivate || isAllowed(target, address, plain);
          case SHARED -> isAllowed(target, address, plain);
          case LINK_LOCAL, METADATA, MULTICAST, RESERVED -> false;
        };
    if (!open) {
      throw new RefusedTargetException("must not lead to a " + kind.words() + " address");
    }
  }

  private boolean isAllowed(Target target, InetAddress address, InetAddress plain) {
    return allowed.names(target.host()) || allowed.covers(address) || allowed.covers(plain);
  }

  private static boolean isLocalName(String host) {
    int dot = host.lastIndexOf('.');
    return dot < 0 || LOCAL_SUFFIXES.contains(host.substring(dot + 1));
  }

  /** Names and ranges as an operator lists them. */
  private record HostList(List<String> names, List<Cidr> ranges) {

    static HostList parse(String key, List<String> entries) {
      List<String> names = new ArrayList<>();
      List<Cidr> ranges = new ArrayList<>();
      for (String entry : entries) {
        String text = entry.strip().toLowerCase(Locale.ROOT);
        if (text.contains(":") || text.matches("[0-9.]+(/.*)?")) {
          ranges.add(range(key, text));
        } else if (text.matches("(\\*\\.)?[a-z0-9_-]+(\\.[a-z0-9_-]+)*")) {
          names.add(text);
        } else {
          throw new IllegalArgumentException(
              key
                  + ": '"
                  + entry
                  + "' is neither a host name (*.example.com) nor a range (10.0.0.0/8)");
        }
      }
      return new HostList(List.copyOf(names), List.copyOf(ranges));
    }

    private static Cidr range(String key, String text) {
      try {
        return Cidr.parse(text);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(key + ": " + e.getMessage(), e);
      }
    }

    boolean names(String host) {
      return names.stream()
          .anyMatch(
              name -> name.startsWith("*.") ? host.endsWith(name.substring(1)) : host.equals(name));
    }

    boolean covers(InetAddress address) {
      byte[] bytes = address.getAddress();
      return ranges.stream().anyMatch(range -> range.contains(bytes));
    }
  }
}
