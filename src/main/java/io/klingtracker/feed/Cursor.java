package io.klingtracker.feed;

/**
 * A place in a tenant's feed: everything up to it has been read. Callers have it sealed.
 *
 * @param position {@code task_event.feed_position}
 * @param id {@code task_event.id}, which orders events of one position
 */
public record Cursor(long position, long id) implements Comparable<Cursor> {

  /** Before everything. */
  public static final Cursor START = new Cursor(0, 0);

  /** Above every id. */
  static final long LAST_ID = 999_999_999_999_999_999L;

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
