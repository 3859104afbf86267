package io.klingtracker.callback;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.callback.CallbackResource.CallbackView;
import io.klingtracker.callback.CallbackResource.CallbacksView;
import io.klingtracker.callback.CallbackResource.HeadersView;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.CallbackTarget;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Kling's callbacks about a task, as people may see them. */
@Singleton
public class TaskCallbacks {

  private final ReceiptStore receipts;
  private final ObjectMapper json;

  @Inject
  TaskCallbacks(ReceiptStore receipts, ObjectMapper json) {
    this.receipts = receipts;
    this.json = json;
  }

  /** Those about a task, by our id; whoever asks has found the task as its tenant. */
  public CallbacksView of(String taskId) {
    ReceiptStore.Page page = receipts.page(taskId);
    return new CallbacksView(page.receipts().stream().map(this::view).toList(), page.leftOut());
  }

  private CallbackView view(ReceiptStore.Stored receipt) {
    return new CallbackView(
        Rfc3339.format(receipt.receivedAt()),
        receipt.verdict(),
        receipt.verdict().equals(ReceiptStore.APPLIED),
        headers(receipt.headers()),
        CallbackTarget.withoutTokens(new String(receipt.body(), StandardCharsets.UTF_8)));
  }

  private HeadersView headers(String stored) {
    try {
      CallbackHeaders headers = json.readValue(stored, CallbackHeaders.class);
      return new HeadersView(
          headers.id(),
          headers.timestamp(),
          withoutSignatures(headers.signature()),
          headers.contentType(),
          headers.userAgent());
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("what was written can be read", e);
    }
  }

  /** {@code v1,…} for each. */
  static @Nullable String withoutSignatures(@Nullable String header) {
    if (header == null) {
      return null;
    }
    return List.of(header.strip().split("\\s+")).stream()
        .map(
            one -> one.contains(",") ? one.substring(0, Math.min(one.indexOf(','), 8)) + ",…" : "…")
        .collect(Collectors.joining(" "));
  }
}
