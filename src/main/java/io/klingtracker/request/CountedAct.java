package io.klingtracker.request;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Acts on many things at once that nothing takes back: whoever asks for one is told how many there
 * are, and it is done once he names that number.
 */
public final class CountedAct {

  /** Of things that one act is done to. */
  public static final int MOST = 10_000;

  private CountedAct() {}

  /**
   * What is answered.
   *
   * @param matched how many there are
   * @param done to how many it was done; 0 while it was not confirmed
   */
  @Schema(name = "CountedAct")
  public record Answer(int matched, int done) {}

  /**
   * Counts, and acts when the number is the one that was confirmed.
   *
   * @param confirm the number that the caller expects; null only counts
   * @param things what it would be done to, one more than {@link #MOST} at most
   * @param act does it to exactly these, and answers to how many of them
   * @throws ProblemException when there are too many, or others than were confirmed
   */
  public static <T> Answer of(
      @Nullable Integer confirm, List<T> things, ToIntFunction<List<T>> act) {
    int matched = things.size();
    if (matched > MOST) {
      throw Parameters.invalid(
          "more than " + MOST + " are more than one act is done to; narrow it down");
    }
    return new Answer(matched, isConfirmed(confirm, matched) ? act.applyAsInt(things) : 0);
  }

  /**
   * Whether the act is to be done.
   *
   * @param confirm the number that the caller expects; null only counts
   * @param matched how many there are
   * @throws ProblemException when that is another number
   */
  public static boolean isConfirmed(@Nullable Integer confirm, int matched) {
    if (confirm != null && confirm != matched) {
      throw new ProblemException(
          ErrorCode.CONFLICT,
          "confirm is %s, but there are %s now; nothing was done".formatted(confirm, matched),
          Map.of("matched", matched));
    }
    return confirm != null;
  }
}
