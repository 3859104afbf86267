package io.klingtracker.egress;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TargetPolicyTest {

  private static final TargetPolicy CLOSED = new TargetPolicy(false, List.of(), List.of());
  private static final TargetPolicy OPEN = new TargetPolicy(true, List.of(), List.of());

  @ParameterizedTest
  @CsvSource({
    "0.0.0.0, RESERVED",
    "0.1.2.3, RESERVED",
    "10.0.0.1, PRIVATE",
    "10.255.255.255, PRIVATE",
    "9.255.255.255, PUBLIC",
    "11.0.0.0, PUBLIC",
    "100.63.255.255, PUBLIC",
    "100.64.0.1, SHARED",
    "100.127.255.255, SHARED",
    "100.128.0.0, PUBLIC",
    "100.100.100.200, METADATA",
    "127.0.0.1, LOOPBACK",
    "127.255.255.255, LOOPBACK",
    "128.0.0.1, PUBLIC",
    "168.63.129.16, METADATA",
    "169.253.255.255, PUBLIC",
    "169.254.0.1, LINK_LOCAL",
    "169.254.169.254, METADATA",
    "169.254.170.2, METADATA",
    "172.15.255.255, PUBLIC",
    "172.16.0.1, PRIVATE",
    "172.31.255.255, PRIVATE",
    "172.32.0.0, PUBLIC",
    "192.0.0.1, RESERVED",
    "192.0.0.192, METADATA",
    "192.0.2.1, RESERVED",
    "192.88.99.1, RESERVED",
    "192.167.255.255, PUBLIC",
    "192.168.0.1, PRIVATE",
    "192.169.0.0, PUBLIC",
    "198.17.255.255, PUBLIC",
    "198.18.0.1, RESERVED",
    "198.19.255.255, RESERVED",
    "198.20.0.0, PUBLIC",
    "198.51.100.1, RESERVED",
    "203.0.113.1, RESERVED",
    "223.255.255.255, PUBLIC",
    "224.0.0.1, MULTICAST",
    "239.255.255.255, MULTICAST",
    "240.0.0.1, RESERVED",
    "255.255.255.255, RESERVED",
    "8.8.8.8, PUBLIC",
    "'::', RESERVED",
    "'::1', LOOPBACK",
    "'::2', RESERVED",
    "'::10.0.0.1', PRIVATE",
    "'::8.8.8.8', PUBLIC",
    "'64:ff9b::10.0.0.1', PRIVATE",
    "'64:ff9b::169.254.169.254', METADATA",
    "'64:ff9b::8.8.8.8', PUBLIC",
    "'64:ff9b:1::8.8.8.8', RESERVED",
    "'100::1', RESERVED",
    "'2001::1', RESERVED",
    "'2001:db8::1', RESERVED",
    "'2001:4860:4860::8888', PUBLIC",
    "'2002:a9fe:a9fe::', RESERVED",
    "'2606:4700::1111', PUBLIC",
    "'3fff::1', RESERVED",
    "'4000::1', RESERVED",
    "'5f00::1', RESERVED",
    "'fc00::1', PRIVATE",
    "'fd12:3456::1', PRIVATE",
    "'fd00:ec2::254', METADATA",
    "'fd20:ce::254', METADATA",
    "'fe80::1', LINK_LOCAL",
    "'febf::1', LINK_LOCAL",
    "'fec0::1', RESERVED",
    "'ff02::1', MULTICAST",
  })
  void every_address_is_of_its_kind(String address, AddressKind kind) throws Exception {
    assertEquals(kind, AddressKind.of(InetAddress.getByName(address)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "https://hooks.example.com",
        "https://hooks.example.com/",
        "https://HOOKS.Example.com:443/path?query=1&b=%20#fragment",
        "http://hooks.example.com:80/x",
        "http://hooks.example.com:8080",
        "https://hooks.example.com:1024/",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]:8443/hook",
        "https://bücher.example/hook",
        "https://hooks.example.com/päth?x={y}|z",
        "https://a-b.c_d.example.com./x"
      })
  void an_ordinary_receiver_passes(String url) {
    assertDoesNotThrow(() -> CLOSED.read(url));
  }

  @ParameterizedTest
  @CsvSource({
    "https://hooks.example.com:22/",
    "https://hooks.example.com:81/",
    "https://hooks.example.com:1023/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:65536/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com:-1/",
    "https://hooks.example.com:x/",
    "https:///path",
    "https://.example.com/",
    "https://a..example.com/",
    "https://-a.example.com/",
    "https://[1.2.3.4]/",
    "https://[::1/",
    "https://::1/",
    "https://2606:4700::1111/",
    "https://100.100.100.200/",
    "https://[fd00:ec2::254]/",
    "https://metadata.google.internal/",
    "https://10.1.2.3/",
    "https://192.168.0.1/",
    "https://[fe80::1]/",
    "https://224.0.0.1/",
  })
  void an_impossible_receiver_is_refused_with_the_rule(String url) {
    RefusedTargetException refusal =
        assertThrows(RefusedTargetException.class, () -> CLOSED.read(url));
    assertTrue(
        refusal.rule().startsWith("must ") || refusal.rule().startsWith("names "), refusal.rule());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://127.0.0.1:8080/",
        "http://localhost:8080/",
        "http://receiver:8080/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.0.1/",
        "http://[::1]:8080/",
        "http://[fd12::1]:8080/",
        "http://[::ffff:10.0.0.1]:8080/"
      })
  void allow_private_opens_loopback_and_private_ranges(String url) {
    assertDoesNotThrow(() -> OPEN.read(url));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://169.254.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::169.254.169.254]/",
        "http://[2002:a9fe:a9fe::]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://100.100.100.200/",
        "http://168.63.129.16/",
        "http://100.64.0.1/",
        "http://0.0.0.0:8080/",
        "http://224.0.0.1/",
        "http://255.255.255.255/"
      })
  void allow_private_opens_nothing_else(String url) {
    assertThrows(RefusedTargetException.class, () -> OPEN.read(url));
  }

  @Test
  void an_operator_opens_and_closes_names_and_ranges() throws Exception {
    TargetPolicy policy =
        new TargetPolicy(
            false,
            List.of("10.20.0.0/16", "hooks.corp", "*.lab.example", "169.254.0.0/16", "fd00::/16"),
            List.of("*.evil.example", "bad.example", "93.184.0.0/16", "10.20.30.0/24"));

    assertDoesNotThrow(() -> policy.read("http://10.20.1.1/"));
    assertDoesNotThrow(() -> policy.read("http://[::ffff:10.20.1.1]/"));
    assertDoesNotThrow(() -> check(policy, "http://hooks.corp/", "10.1.1.1"));
    assertDoesNotThrow(() -> check(policy, "http://a.lab.example/", "192.168.1.1"));
    for (String refused :
        List.of(
            "http://10.21.1.1/",
            "http://10.20.30.1/",
            "http://169.254.1.1/",
            "http://[fd00:ec2::254]/",
            "http://bad.example/",
            "http://BAD.example./",
            "http://a.b.evil.example/",
            "http://93.184.1.1/",
            "http://[64:ff9b::93.184.1.1]/")) {
      assertThrows(RefusedTargetException.class, () -> policy.read(refused), refused);
    }
    assertThrows(
        RefusedTargetException.class, () -> check(policy, "http://a.example/", "93.184.1.1"));
    assertThrows(
        RefusedTargetException.class, () -> check(policy, "http://hooks.corp/", "169.254.169.254"));
    assertThrows(
        IllegalArgumentException.class,
        () -> new TargetPolicy(false, List.of("10.0.0.0/33"), List.of()));
    assertThrows(
        IllegalArgumentException.class,
        () -> new TargetPolicy(false, List.of(), List.of("http://x/")));
  }

  private static void check(TargetPolicy policy, String url, String address)
      throws RefusedTargetException, UnknownHostException {
    policy.check(policy.read(url), InetAddress.getByName(address));
  }

  @ParameterizedTest
  @CsvSource({
    "https://Hooks.Example.com, true, hooks.example.com, 443, /",
    "http://hooks.example.com:8080?x=1, false, hooks.example.com, 8080, /?x=1",
    "https://bücher.example/ü, true, xn--bcher-kva.example, 443, /%C3%BC",
    "https://0x08.010.2056/, true, 8.8.8.8, 443, /",
    "https://[2606:4700:0::1111]/a#b, true, 2606:4700::1111, 443, /a",
  })
  void a_url_is_read_as_resolvers_read_it(
      String url, boolean tls, String host, int port, String uri) throws Exception {
    Target target = Target.parse(url);

    assertEquals(tls, target.tls());
    assertEquals(host, target.host());
    assertEquals(port, target.port());
    assertEquals(uri, target.uri());
  }
}
