package io.klingtracker.rules;

/**
 * One of Kling's paths that answers at once and makes no task; passed on to Kling as it is.
 *
 * @param method the only HTTP method it takes
 * @param path below {@code /v1/}, such as {@code audio/tts}
 */
public record SyncPath(String method, String path) {}
