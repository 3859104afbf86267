package io.klingtracker.share;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.problem.ErrorCode;
import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The rule as tables: who may enter, by what is held and wanted. */
class BoundTest {

  private static final Bound BRIEF =
      Bound.brief("calls", "calls", 8, ErrorCode.RATE_LIMITED, Duration.ofSeconds(1));
  private static final Bound LASTING =
      Bound.lasting("streams", "streams", 8, ErrorCode.UNAVAILABLE, Duration.ofSeconds(1));

  @ParameterizedTest(name = "holds {0}, asks {1}, others hold {2}, {3} want, {4} promised: {5}")
  @CsvSource({
    // Alone: all but the reserve of one.
    "0, 1, 0, 1, 0, ENTER",
    "6, 1, 0, 1, 0, ENTER",
    "7, 1, 0, 1, 0, FULL",
    // A thing that is larger than a share, and one that is larger than the bound.
    "0, 8, 0, 1, 0, ENTER",
    "0, 8, 0, 2, 0, ENTER",
    "0, 9, 0, 1, 0, FULL",
    // Beside another: half and no more.
    "3, 1, 1, 2, 0, ENTER",
    "4, 1, 1, 2, 0, OVER_SHARE",
    "7, 1, 0, 2, 0, OVER_SHARE",
    // The reserve is for who holds little.
    "0, 1, 7, 2, 0, ENTER",
    "1, 1, 6, 2, 0, ENTER",
    "2, 1, 5, 2, 0, FULL",
    "0, 1, 8, 2, 0, FULL",
    // What others were promised is left to them.
    "3, 1, 0, 2, 4, ENTER",
    "3, 1, 0, 2, 5, FULL",
    "0, 1, 3, 2, 4, ENTER",
    "0, 1, 3, 2, 5, FULL",
  })
  void of_what_ends_soon(
      long held, long amount, long others, int wanting, long promised, Bound.Verdict verdict) {
    assertEquals(verdict, BRIEF.decide(held, amount, others, wanting, promised));
  }

  @ParameterizedTest(name = "holds {0}, asks {1}, others hold {2}, {3} want: {4}")
  @CsvSource({
    "7, 1, 0, 1, ENTER",
    "8, 1, 0, 1, FULL",
    "0, 1, 8, 2, EVICT",
    "3, 1, 5, 2, EVICT",
    "4, 1, 4, 2, OVER_SHARE",
    "2, 1, 6, 3, FULL",
    "1, 1, 7, 3, EVICT",
    "0, 1, 8, 20, EVICT",
    "1, 1, 7, 20, FULL",
  })
  void of_what_lasts(long held, long amount, long others, int wanting, Bound.Verdict verdict) {
    assertEquals(verdict, LASTING.decide(held, amount, others, wanting, 0));
  }

  @ParameterizedTest(name = "of {0} the reserve is {1}, a share {2}")
  @CsvSource({"1, 0, 1", "2, 1, 1", "8, 1, 4", "32, 4, 16", "512, 64, 256"})
  void a_small_part_is_reserved(long max, long reserve, long share) {
    Bound bound = Bound.brief("calls", "calls", max, ErrorCode.RATE_LIMITED, Duration.ofSeconds(1));

    assertEquals(reserve, bound.reserve());
    assertEquals(share, bound.share());
  }
}
