package io.klingtracker.rules;

import static io.klingtracker.rules.ErrorClass.Name.BALANCE;
import static io.klingtracker.rules.ErrorClass.Name.CAPACITY;
import static io.klingtracker.rules.ErrorClass.Name.INPUT;
import static io.klingtracker.rules.ErrorClass.Name.KLING;
import static io.klingtracker.rules.ErrorClass.Name.OURS;
import static io.klingtracker.rules.ErrorClass.Name.POLICY;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Failures by what they mean: Kling's codes, and texts, since a failed task carries a text alone.
 */
public final class ErrorClasses {

  private record Code(int code, ErrorClass means) {}

  private record Text(String begin, ErrorClass means) {}

  private static final ErrorClass UNKNOWN = new ErrorClass(KLING, null);

  private static final List<Code> CODES =
      List.of(
          code(1000, OURS, null),
          code(1001, OURS, null),
          code(1002, OURS, null),
          code(1003, OURS, null),
          code(1004, OURS, null),
          code(1100, OURS, null),
          code(1101, BALANCE, null),
          code(1102, BALANCE, null),
          code(1103, OURS, false),
          code(1200, INPUT, false),
          code(1201, INPUT, false),
          code(1202, INPUT, false),
          code(1203, INPUT, false),
          code(1300, POLICY, false),
          code(1301, POLICY, false),
          code(1302, CAPACITY, true),
          code(1303, CAPACITY, true),
          code(1304, OURS, null),
          code(5000, KLING, true),
          code(5001, KLING, true),
          code(5002, KLING, true));

  private static final List<Text> TEXTS =
      List.of(
          text("Failure to pass the risk control system", POLICY, false),
          text("Image pixel is invalid", INPUT, false),
          text("File is not in a valid base64 format", INPUT, false),
          text("Something went wrong when we tried to get the contents of the file", INPUT, null),
          text("model is not supported", INPUT, false),
          text("model/mode/duration(", INPUT, false),
          text("Image tail is not supported by the current model", INPUT, false),
          text("This API is no longer available", INPUT, false),
          text("The model '", INPUT, false),
          text("Account balance not enough", BALANCE, null),
          text("parallel task over resource pack limit", CAPACITY, true),
          // Ours: it waited too long for a slot; something in front of Kling did not let it
          // through.
          text("not dispatched before its deadline", CAPACITY, true),
          text("not accepted, turned away before Kling", KLING, null));

  private ErrorClasses() {}

  /**
   * What a failure was: by its code, else by the beginning of its message, whatever its case.
   *
   * @param code Kling's, when there was one
   */
  public static ErrorClass of(@Nullable Integer code, String message) {
    for (Code row : CODES) {
      if (code != null && code == row.code) {
        return row.means;
      }
    }
    String said = lower(message.strip());
    return TEXTS.stream()
        .filter(row -> said.startsWith(row.begin))
        .map(Text::means)
        .findFirst()
        .orElse(UNKNOWN);
  }

  private static Code code(int code, ErrorClass.Name name, @Nullable Boolean retryable) {
    return new Code(code, new ErrorClass(name, retryable));
  }

  private static Text text(String begin, ErrorClass.Name name, @Nullable Boolean retryable) {
    return new Text(lower(begin), new ErrorClass(name, retryable));
  }

  private static String lower(String text) {
    return text.toLowerCase(Locale.ROOT);
  }
}
