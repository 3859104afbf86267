package io.klingtracker.kling;

import java.time.Instant;
import java.util.Collection;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** A Kling that nobody asks; a test overrides what is to be asked. */
public class UnaskedKling implements KlingClient {

  @Override
  public CompletionStage<CreateAnswer> create(
      String account, String path, String body, Instant notAfter) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CompletionStage<QueryAnswer> query(String account, String path) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CompletionStage<PassthroughAnswer> forward(
      String account, String path, @Nullable String body) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CompletionStage<ListAnswer> page(String account, String path, int page) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CompletionStage<ListAnswer> tasks(String account, Collection<String> ids) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CompletionStage<ListAnswer> tasksByExternalId(String account, Collection<String> ids) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CompletionStage<ListAnswer> created(
      String account, Instant from, Instant to, @Nullable String after) {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean takesIds(String account) {
    return false;
  }
}
