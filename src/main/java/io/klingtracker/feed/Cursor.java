package io.klingtracker.feed;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A place in a tenant's feed: everything up to it has been read. Opaque to callers.
 *
 * @param position {@code task_event.feed_position}
 * @param id {@code task_event.id}, which orders events of one position
 */
public record Cursor(long position, long id) implements Comparable<Cursor> {

  /** Before everything. */
  public static final Cursor START = new Cursor(0, 0);

  /** Above every id. */
  static final long LAST_ID = 999_999_999_999_999_999L;

  private static final Pattern FORM = Pattern.compile("([0-9]{1,18})-([0-9]{1,18})");

  /** Reads what {@link #toString} wrote. */
  public static Cursor parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST,
          "after is not a cursor that we gave; leave it out to begin with the oldest event");
    }
    return new Cursor(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
  }

  @Override
  public int compareTo(Cursor other) {
    int byPosition = Long.compare(position, other.position);
    return byPosition != 0 ? byPosition : Long.compare(id, other.id);
  }

  @Override
  public String toString() {
    return position + "-" + id;
  }
}
