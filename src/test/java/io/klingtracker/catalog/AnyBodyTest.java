package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.fail;

import io.klingtracker.json.Body;
import io.klingtracker.problem.ProblemException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever a body holds under the names we know, it is taken or refused; nothing else happens. */
class AnyBodyTest {

  private static final List<String> ODD =
      List.of(
          "null",
          "true",
          "0",
          "-1",
          "1e-300",
          "2.5",
          "99999999999999999999",
          "\"\"",
          "\"on\"",
          "\"customize\"",
          "\"intelligence\"",
          "\"simple\"",
          "\"series\"",
          "\"5\"",
          "\"<<<voice_1>>> <<<element_999999999>>>\"",
          "\"\\ud800\"",
          "[]",
          "{}",
          "[[{}]]",
          "[{\"index\":1,\"prompt\":\"a\",\"duration\":5},7]",
          "[{\"voice_id\":\"a\"},null]",
          "{\"type\":\"simple\",\"config\":{\"pan\":1e-300}}",
          "{\"type\":[],\"config\":7}");

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void any_body_is_taken_or_refused(long seed) {
    Random random = new Random(seed);
    for (Kind kind : Catalog.current().kinds()) {
      List<String> names = names(kind);
      for (int i = 0; i < 300; i++) {
        String body =
            IntStream.range(0, names.size())
                .filter(n -> random.nextInt(3) == 0)
                .mapToObj(n -> "\"" + names.get(n) + "\":" + value(names.get(n), kind, random))
                .collect(Collectors.joining(",", "{", "}"));
        check(kind, body, seed);
      }
    }
  }

  private static void check(Kind kind, String text, long seed) {
    boolean newer = kind.dialect() == Kind.Dialect.NEWER;
    try {
      Body body = Body.parse(text);
      Checked checked =
          RequestRules.check(
              kind, newer ? kind.models().get(0).name() : null, body, ModelMapping.NONE, Today.DAY);
      Body.parse(UpstreamBody.of(kind, body, checked.upstreamModel(), "task_1", "https://me"));
    } catch (ProblemException refused) {
      // As it should be.
    } catch (RuntimeException e) {
      fail("seed " + seed + ", " + kind + ": " + text, e);
    }
  }

  private static List<String> names(Kind kind) {
    List<String> names = new ArrayList<>(kind.fields().stream().map(Field::name).toList());
    names.add("model_name");
    names.add("model");
    names.add("unknown");
    return names;
  }

  private static String value(String name, Kind kind, Random random) {
    boolean model = name.startsWith("model") && !kind.models().isEmpty();
    if (model && random.nextBoolean()) {
      return "\"" + kind.models().get(random.nextInt(kind.models().size())).name() + "\"";
    }
    return ODD.get(random.nextInt(ODD.size()));
  }
}
