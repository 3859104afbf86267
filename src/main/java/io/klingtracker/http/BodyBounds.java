package io.klingtracker.http;

/** How large a caller's body may be; said by those who know the paths. */
public interface BodyBounds {

  /** Bytes that a body on any path may have. */
  int usual();

  /** Bytes that the largest body on any path may have. */
  int max();

  /** Bytes that a body on this path may have; asked only for one that is larger than the usual. */
  int of(String path);
}
