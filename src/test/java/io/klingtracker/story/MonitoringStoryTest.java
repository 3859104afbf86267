package io.klingtracker.story;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.net.httpserver.HttpServer;
import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import io.klingtracker.testing.Monitoring;
import io.klingtracker.testing.Monitoring.Condition;
import io.klingtracker.testing.Monitoring.Expression;
import io.klingtracker.testing.Monitoring.Selector;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Whatever the alarms and dashboards of {@code k8s/monitoring} name is there to be scraped. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class MonitoringStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String CREATE = "/kling/v1/videos/text2video";
  private static final String RETIRING = "kling-3.0-turbo";

  private static final Pattern SAMPLE =
      Pattern.compile("([a-zA-Z_:][\\w:]*)(?:\\{(.*)})? \\S+( [0-9]+)?");
  private static final Pattern LABEL = Pattern.compile("(\\w+)=\"((?:[^\"\\\\]|\\\\.)*)\"");
  private static final Pattern HELP = Pattern.compile("# HELP (\\S+) (\\S.*)");
  private static final Pattern SUFFIX = Pattern.compile("_(bucket|count|sum|max|total)$");

  private TestTenant tenant;
  private HttpServer receiver;

  /**
   * What one scrape brings.
   *
   * @param series by name of the samples, the labels of each
   * @param helped families with a help text
   */
  private record Scrape(Map<String, List<Map<String, String>>> series, Set<String> helped) {

    static Scrape of(String text) {
      Map<String, List<Map<String, String>>> series = new HashMap<>();
      Set<String> helped = new HashSet<>();
      for (String line : text.lines().toList()) {
        Matcher help = HELP.matcher(line);
        Matcher sample = SAMPLE.matcher(line);
        if (help.matches()) {
          helped.add(help.group(1));
        } else if (!line.startsWith("#") && sample.matches()) {
          Map<String, String> labels = new TreeMap<>();
          Matcher label = LABEL.matcher(sample.group(2) == null ? "" : sample.group(2));
          while (label.find()) {
            labels.put(label.group(1), label.group(2));
          }
          series.computeIfAbsent(sample.group(1), name -> new ArrayList<>()).add(labels);
        }
      }
      return new Scrape(series, helped);
    }

    boolean helps(String metric) {
      return helped.contains(metric) || helped.contains(SUFFIX.matcher(metric).replaceFirst(""));
    }

    Set<String> labels(String metric) {
      Set<String> labels = new HashSet<>();
      series.getOrDefault(metric, List.of()).forEach(one -> labels.addAll(one.keySet()));
      return labels;
    }
  }

  @BeforeEach
  void a_tenant_and_its_receiver() throws IOException {
    TrackerStack.simulator().clearFaults();
    tenant = TestTenant.create();
    receiver = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50);
    receiver.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    receiver.start();
  }

  @AfterEach
  void nothing_is_left() throws IOException {
    receiver.stop(0);
    TrackerStack.simulator().clearFaults();
    Files.writeString(TrackerStack.CATALOG, "");
    changesOfTheCatalogue(0);
  }

  private static void changesOfTheCatalogue(int number) {
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                TestTenant.admin()
                    .get("/admin/v1/catalog")
                    .then()
                    .body("changes.size()", equalTo(number)));
  }

  @Test
  void what_alarms_and_dashboards_name_is_at_q_metrics_with_a_help_text() throws Exception {
    everything_happens();
    Set<String> documented = documented();
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              String text = given().get("/q/metrics").then().statusCode(200).extract().asString();
              Files.writeString(Path.of("target", "stories-metrics.txt"), text);
              assertEquals(Set.of(), missing(Scrape.of(text), documented));
            });
  }

  /** The main story, a webhook, a refusal, a model that retires, and a task that still runs. */
  private void everything_happens() throws IOException {
    String hook = "http://localhost:" + receiver.getAddress().getPort() + "/hook";
    String body =
        "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"callback_url\":\"" + hook + "\"}";
    tenant.caller().header("Prefer", "wait=30").body(body).post(CREATE).then().statusCode(200);
    tenant.caller().body("x".repeat(1100_000)).post("/v1/tasks/batch").then().statusCode(413);

    LocalDate soon = LocalDate.now(ZoneOffset.UTC).plusDays(20);
    Files.writeString(
        TrackerStack.CATALOG, "models: {%s: {retired: %s}}\n".formatted(RETIRING, soon));
    changesOfTheCatalogue(1);
    tenant
        .caller()
        .body("{\"prompt\":\"a cat\"}")
        .post("/kling/text-to-video/" + RETIRING)
        .then()
        .statusCode(200);

    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.RENDER, new Fault.RenderTakes(50_000, 60_000)));
    tenant.caller().body(body).post(CREATE).then().statusCode(200);
  }

  /** The words in backticks of the tables of metrics. */
  private static Set<String> documented() throws IOException {
    Set<String> words = new TreeSet<>();
    for (String line : Files.readAllLines(Path.of("src/docs/operations.md"))) {
      Matcher code = Pattern.compile("`([^`]+)`").matcher(line.startsWith("|") ? line : "");
      while (code.find()) {
        words.add(code.group(1));
      }
    }
    return words;
  }

  private static Set<String> missing(Scrape scrape, Set<String> documented) {
    Map<String, Expression> recorded = Monitoring.recorded();
    Set<String> missing = new TreeSet<>();
    for (Expression expression : Monitoring.expressions()) {
      Set<String> labels = new HashSet<>(Monitoring.TARGET_LABELS);
      for (Selector selector : expression.selectors()) {
        String metric = selector.metric();
        Expression rule = recorded.get(metric);
        if (rule != null) {
          labels.addAll(rule.grouping());
        } else if (!Monitoring.OF_PROMETHEUS.contains(metric)) {
          labels.addAll(scrape.labels(metric));
          if (!scrape.series().containsKey(metric)) {
            missing.add(metric + " of " + expression.where());
          } else if (!scrape.helps(metric)) {
            missing.add(metric + " has no help text");
          }
          for (Condition condition : selector.conditions()) {
            if (!isMet(condition, metric, scrape, documented)) {
              missing.add(metric + " with " + condition + " of " + expression.where());
            }
          }
        }
      }
      Set<String> unknown = new TreeSet<>(expression.grouping());
      unknown.removeAll(labels);
      if (!unknown.isEmpty()) {
        missing.add("labels " + unknown + " of " + expression.where());
      }
    }
    return missing;
  }

  /** Whether a series has the label, and a value that is asked for exists or is documented. */
  private static boolean isMet(
      Condition condition, String metric, Scrape scrape, Set<String> documented) {
    if (Monitoring.TARGET_LABELS.contains(condition.label())) {
      return true;
    }
    List<String> values =
        scrape.series().getOrDefault(metric, List.of()).stream()
            .filter(labels -> labels.containsKey(condition.label()))
            .map(labels -> labels.get(condition.label()))
            .toList();
    if (values.isEmpty() || condition.operator().startsWith("!")) {
      return !values.isEmpty();
    }
    return values.stream().anyMatch(value -> value.matches(condition.value()))
        || documented.containsAll(List.of(condition.value().split("\\|")));
  }
}
