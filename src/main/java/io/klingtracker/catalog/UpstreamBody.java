package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.json.Body;
import io.klingtracker.json.Empty;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The body that goes to Kling: the caller's, to the letter, without {@link Empty} values of fields
 * that we know, and with the few values that are ours.
 */
public final class UpstreamBody {

  /** As good as left out: what is the caller's own never reaches Kling. */
  private static final String NONE = "";

  private UpstreamBody() {}

  /**
   * Sets what we must and keeps the rest.
   *
   * @param kind what is asked for
   * @param given the caller's body
   * @param upstreamModel Kling's name of the model, or null where the kind has none
   * @param externalTaskId our public id, in place of the caller's own; not sent where the model
   *     takes none
   * @param callbackUrl our receiver, in place of the caller's own, likewise
   */
  public static String of(
      Kind kind,
      Body given,
      @Nullable String upstreamModel,
      String externalTaskId,
      String callbackUrl) {
    Body body = Catalog.current().withoutEmpty(given);
    Body.Edit edit = body.edit();
    Model.Takes takes = kind.row(upstreamModel).takes();
    Map<String, String> ours = new LinkedHashMap<>();
    boolean newer = kind.dialect() == Kind.Dialect.NEWER;
    JsonNode theirs = newer ? body.root().path("options") : body.root();
    if (takes.externalTaskId() || theirs.has("external_task_id")) {
      ours.put("external_task_id", takes.externalTaskId() ? externalTaskId : NONE);
    }
    if (takes.callbackUrl() || theirs.has("callback_url")) {
      ours.put("callback_url", takes.callbackUrl() ? callbackUrl : NONE);
    }
    if (newer) {
      return edit.setIn("options", ours).text();
    }
    String member = RequestRules.given(body);
    if (upstreamModel != null && member == null) {
      // What Kling takes by default we need not say.
      if (!upstreamModel.equals(kind.defaultModel())) {
        edit.set("model_name", upstreamModel);
      }
    } else if (upstreamModel != null && member != null) {
      if (member.equals("model")) {
        edit.replace("model", "model_name", upstreamModel);
      } else {
        edit.set("model_name", upstreamModel);
      }
    }
    if (kind.fields().stream().anyMatch(f -> takesSeconds(f))) {
      edit.quoteWhole("duration");
    }
    if (Field.AppliesWhen.CUSTOMIZED_SHOTS.in(body.root())) {
      edit.quoteWhole("multi_prompt", "duration");
    }
    ours.forEach(edit::set);
    return edit.text();
  }

  /** The prompt in a body that goes to Kling; empty where there is none. */
  public static String prompt(Kind kind, String sent) {
    JsonNode root = Body.parse(sent).root();
    if (kind.dialect() == Kind.Dialect.NEWER) {
      for (JsonNode part : root.path("contents")) {
        if (part.path("type").asText().equals("prompt")) {
          return part.path("text").asText("");
        }
      }
    }
    return root.path("prompt").asText("");
  }

  private static boolean takesSeconds(Field field) {
    return field.name().equals("duration") && field.type() instanceof FieldType.Seconds;
  }
}
