package io.klingtracker.watch;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * What replicas announce to one another: who did, and the names (tasks and tenants) of which
 * something changed. PostgreSQL bounds a notification to 8,000 bytes; what does not fit into a few
 * of them becomes "look at everything".
 *
 * @param replica who spoke
 * @param names empty for everything
 */
record Announcement(String replica, List<String> names) {

  private static final int MAX_BYTES = 7_900;
  private static final int MAX_PARTS = 8;

  /** The texts to send, never none. */
  static List<String> texts(String replica, Collection<String> names, boolean everything) {
    List<String> texts = new ArrayList<>();
    if (!everything) {
      StringBuilder text = new StringBuilder(replica);
      for (String name : names) {
        // Task ids and tenants are ASCII: characters are bytes.
        if (text.length() + 1 + name.length() > MAX_BYTES) {
          texts.add(text.toString());
          text = new StringBuilder(replica);
        }
        text.append(' ').append(name);
      }
      texts.add(text.toString());
    }
    return everything || texts.size() > MAX_PARTS ? List.of(replica) : texts;
  }

  static Announcement of(String text) {
    List<String> words = List.of(text.split(" "));
    return new Announcement(words.get(0), words.subList(1, words.size()));
  }
}
