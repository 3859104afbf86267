package peer;

/** Moves tasks, and says so. */
public interface Tasks {

  void move(String id, String status, int rank, String result);
}
