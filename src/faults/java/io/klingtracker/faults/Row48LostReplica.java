package io.klingtracker.faults;

import static org.junit.jupiter.api.Assertions.fail;

import io.klingtracker.local.ServiceProcess;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A replica that has claims and relays events is killed, frozen, and cut off from the database as
 * one whose host is gone: the other takes both over. How long that takes is printed, and judged
 * generously.
 */
@Field
@ExtendWith(Stage.class)
final class Row48LostReplica {

  private static final Pattern PORT = Pattern.compile("//([^/:]+):(\\d+)/");

  @Test
  void claims_and_relay_of_a_lost_replica_are_taken_over(Stage stage) throws Exception {
    String name = "lost";
    stage.servers().postgres().ensureDatabase(name);
    String url = stage.servers().postgres().jdbcUrl(name);
    Matcher at = PORT.matcher(url);
    if (!at.find()) {
      throw new IllegalStateException(url);
    }
    Installation installation =
        stage.installation(2, Installation.Place.at(url, Map.of("tracker.webhook.timeout", "60s")));
    Findings findings = new Findings();
    try (TcpProxy network = new TcpProxy(List.of(Integer.parseInt(at.group(2))));
        LostReplica lost = new LostReplica(installation)) {
      ServiceProcess victim = lost.victim();
      victim.stop();
      victim
          .with(
              "quarkus.datasource.jdbc.url", at.replaceFirst("//127.0.0.1:" + network.port() + "/"))
          .start();
      both(lost);

      lose(lost, "killed", victim::kill);
      victim.start();
      both(lost);

      lose(lost, "frozen", () -> lost.signal("STOP"));
      lost.signal("CONT");
      both(lost);

      lose(lost, "cut off", network::swallow);
      network.heal();
      network.cut();
      both(lost);

      lost.ended();
      lost.judge(findings);
    } finally {
      stage.discard();
    }
    if (!findings.none()) {
      fail("row 48:" + findings);
    }
  }

  private static void both(LostReplica lost) {
    LostReplica.await("both are seen", () -> lost.alive() == 2);
  }

  private static void lose(LostReplica lost, String how, Runnable harm) {
    String id = lost.id(lost.victim());
    lost.giveClaims(id);
    lost.giveRelay();
    long claims = lost.claims(id);
    harm.run();
    long start = System.nanoTime();
    LostReplica.await(how + ": its claims are free", () -> lost.claims(id) == 0);
    double taken = (System.nanoTime() - start) / 1e9;
    LostReplica.await(how + ": the other relays", lost::survivorRelays);
    double relay = (System.nanoTime() - start) / 1e9;
    lost.eventsFlow();
    System.out.printf(
        Locale.ROOT,
        "== row 48: %s: %d claims taken over after %.1f s, the relay after %.1f s%n",
        how,
        claims,
        taken,
        relay);
  }
}
