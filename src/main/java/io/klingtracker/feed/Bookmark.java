package io.klingtracker.feed;

/**
 * Where a reader of a tenant's feed is: the cursor, and the last removal of old events that it
 * knows of. One that it does not know of and that reached behind its cursor took events that it has
 * not read.
 *
 * @param removal {@code feed_removed.removal}; 0 of who knows of none
 */
record Bookmark(Cursor cursor, long removal) {

  /** Reads what {@link #toString} wrote, and what was written before anything was removed. */
  static Bookmark parse(String text) {
    String[] numbers = text.split("-", 3);
    return new Bookmark(
        new Cursor(Long.parseLong(numbers[0]), Long.parseLong(numbers[1])),
        numbers.length < 3 ? 0 : Long.parseLong(numbers[2]));
  }

  /** The same reader, further on. */
  Bookmark at(Cursor further) {
    return new Bookmark(further, removal);
  }

  /** As replicas of versions without retention read it, as long as nothing was removed. */
  @Override
  public String toString() {
    return removal == 0 ? cursor.toString() : cursor + "-" + removal;
  }
}
