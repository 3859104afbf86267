package io.klingtracker.story;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The commands that README.md and src/docs show work as they are printed. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class DocumentedCommandsTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration LIMIT = Duration.ofSeconds(60);

  /** A command over as many lines as end with a backslash. */
  private static final Pattern COMMAND = Pattern.compile("(?m)^ {4}curl (?:.*\\\\\n)*.*$");

  /** A JSON answer, up to an empty line. */
  private static final Pattern ANSWER = Pattern.compile("(?m)^ {4}\\{.*(?:\n {4}.+)*");

  private static final Pattern WORD = Pattern.compile("'([^']*)'|\"([^\"]*)\"|(\\S+)");

  private final HttpClient client = HttpClient.newHttpClient();

  @AfterEach
  void no_faults_are_left() {
    TrackerStack.simulator().clearFaults();
  }

  @Test
  void the_three_commands_of_the_readme_answer_what_it_shows() throws Exception {
    String readme = Files.readString(Path.of("README.md"));
    List<String> commands = all(COMMAND, readme);
    List<JsonNode> shown = new ArrayList<>();
    for (String answer : all(ANSWER, readme)) {
      shown.add(JSON.readTree(answer.replace(",…", "")));
    }
    assertEquals(3, commands.size());
    assertEquals(3, shown.size());

    assertShows(shown.get(0), run(commands.get(0)));
    await()
        .atMost(LIMIT)
        .until(
            () -> run(commands.get(1)).at("/data/task_status").asText(),
            shown.get(1).at("/data/task_status").asText()::equals);
    assertShows(shown.get(1), run(commands.get(1)));
    assertShows(shown.get(2), run(commands.get(2)));
  }

  @Test
  void every_command_of_the_pages_works() throws Exception {
    List<String> commands = new ArrayList<>();
    try (var pages = Files.list(Path.of("src/docs"))) {
      for (Path page : pages.filter(page -> page.toString().endsWith(".md")).sorted().toList()) {
        commands.addAll(all(COMMAND, Files.readString(page)));
      }
    }
    assertTrue(commands.size() >= 6, commands.toString());
    for (String command : commands) {
      run(command);
    }
  }

  private static List<String> all(Pattern pattern, String page) {
    return pattern.matcher(page).results().map(found -> found.group().strip()).toList();
  }

  /** Every field that is shown is there, in an entry of a list at least once. */
  private static void assertShows(JsonNode shown, JsonNode answer) {
    Set<String> missing = fields("", shown);
    missing.removeAll(fields("", answer));
    assertEquals(Set.of(), missing, answer.toString());
  }

  private static Set<String> fields(String path, JsonNode node) {
    Set<String> fields = new TreeSet<>();
    node.properties()
        .forEach(
            field -> {
              fields.add(path + "/" + field.getKey());
              fields.addAll(fields(path + "/" + field.getKey(), field.getValue()));
            });
    if (node.isArray()) {
      node.forEach(entry -> fields.addAll(fields(path + "[]", entry)));
    }
    return fields;
  }

  /** What curl would do, against the servers of this run. */
  private JsonNode run(String command) throws Exception {
    List<String> words = words(command);
    HttpRequest.Builder request = HttpRequest.newBuilder();
    String method = null;
    String body = null;
    for (int i = 1; i < words.size(); i++) {
      switch (words.get(i)) {
        case "-s" -> {}
        case "-X" -> method = words.get(++i);
        case "-d" -> body = words.get(++i);
        case "-H" -> {
          String[] header = words.get(++i).split(": ", 2);
          request.header(header[0], header[1]);
        }
        default -> request.uri(URI.create(words.get(i)));
      }
    }
    request.method(
        method == null ? body == null ? "GET" : "POST" : method,
        body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
    HttpResponse<String> answer = client.send(request.build(), BodyHandlers.ofString());
    assertEquals(2, answer.statusCode() / 100, () -> command + "\n" + answer.body());
    return answer.body().isEmpty() ? JSON.nullNode() : JSON.readTree(answer.body());
  }

  private static List<String> words(String command) {
    String service = RestAssured.baseURI + ":" + RestAssured.port;
    String here =
        command
            .replace("\\\n", " ")
            .replace("http://localhost:8080", service)
            .replace("$URL", service)
            .replace("localhost:18091", TrackerStack.simulatorControlUrl())
            .replace("local-dev-key", TrackerStack.API_KEY)
            .replace("$ADMIN_KEY", TrackerStack.ADMIN_KEY);
    List<String> words = new ArrayList<>();
    Matcher word = WORD.matcher(here);
    while (word.find()) {
      for (int group = 1; group <= 3; group++) {
        if (word.group(group) != null) {
          words.add(word.group(group));
        }
      }
    }
    return words;
  }
}
