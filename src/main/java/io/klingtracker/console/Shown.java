package io.klingtracker.console;

import io.klingtracker.task.Cost;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskView;
import java.math.BigDecimal;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** How times, amounts and places read on a page. */
final class Shown {

  /** In place of what there is not. */
  static final String NONE = "–";

  private static final int MILLIS = 1000;
  private static final int MINUTE = 60;
  private static final int HOUR = 60 * MINUTE;
  private static final int DAY = 24 * HOUR;

  private Shown() {}

  /** Two units at the most, as {@code 3 min 20 s}; nothing is as good as zero. */
  static String duration(Duration duration) {
    long millis = Math.max(0, duration.toMillis());
    long seconds = millis / MILLIS;
    if (millis < MILLIS) {
      return millis + " ms";
    }
    if (seconds < 10) {
      return seconds + "." + millis % MILLIS / 100 + " s";
    }
    if (seconds < MINUTE) {
      return seconds + " s";
    }
    if (seconds < HOUR) {
      return seconds / MINUTE + " min " + seconds % MINUTE + " s";
    }
    if (seconds < DAY) {
      return seconds / HOUR + " h " + seconds % HOUR / MINUTE + " min";
    }
    return seconds / DAY + " d " + seconds % DAY / HOUR + " h";
  }

  /** Between two times, where both are. */
  static String between(@Nullable Instant from, @Nullable Instant to) {
    return from == null || to == null ? NONE : duration(Duration.between(from, to));
  }

  /** What a task costs or did cost; nothing where nobody knows. */
  static String cost(Task task) {
    Cost cost = TaskView.of(task).cost();
    if (cost == null) {
      return NONE;
    }
    StringBuilder text = new StringBuilder();
    BigDecimal units = cost.units();
    if (units != null) {
      text.append(plain(units)).append(units.compareTo(BigDecimal.ONE) == 0 ? " unit" : " units");
    }
    BigDecimal amount = cost.amount();
    if (amount != null) {
      text.append(text.length() == 0 ? "" : ", ").append(plain(amount));
      if (cost.currency() != null) {
        text.append(' ').append(cost.currency());
      }
    }
    return text.append(' ').append(cost.state().wireName()).toString();
  }

  private static String plain(BigDecimal number) {
    return number.signum() == 0 ? "0" : number.stripTrailingZeros().toPlainString();
  }

  /** As a part of a path or a query. */
  static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
