package io.klingtracker.upstream;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.kling.KlingReader;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/** Which hosts are Kling's, and which URLs of a result lead elsewhere. */
public final class ResultHosts {

  private final List<String> expected;

  /** Those of {@code kling.result-hosts}; none expects any. */
  public ResultHosts(Collection<String> expected) {
    this.expected = expected.stream().map(host -> host.strip().toLowerCase(Locale.ROOT)).toList();
  }

  /** The hosts of a result's URLs that are not among the expected ones. */
  Set<String> strangers(String result) {
    Set<String> strangers = new TreeSet<>();
    if (expected.isEmpty()) {
      return strangers;
    }
    try {
      collect(KlingReader.parse(result.getBytes(StandardCharsets.UTF_8)), strangers);
    } catch (IOException e) {
      // What was read from Kling's answer is JSON; a result that is none has no URLs.
      return strangers;
    }
    return strangers;
  }

  private void collect(JsonNode node, Set<String> strangers) {
    if (node.isTextual()) {
      String text = node.asText();
      if (text.startsWith("http://") || text.startsWith("https://")) {
        String host = host(text);
        if (!isExpected(host)) {
          strangers.add(host);
        }
      }
    }
    node.forEach(child -> collect(child, strangers));
  }

  /** Whether a host, in lower case, is one of them or below one. */
  public boolean isExpected(String host) {
    return expected.stream().anyMatch(name -> host.equals(name) || host.endsWith("." + name));
  }

  private static String host(String url) {
    try {
      String host = URI.create(url).getHost();
      return host == null ? "(none)" : host.toLowerCase(Locale.ROOT);
    } catch (IllegalArgumentException e) {
      return "(unreadable)";
    }
  }
}
