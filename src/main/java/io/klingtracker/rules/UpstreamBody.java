package io.klingtracker.rules;

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

  private UpstreamBody() {}

  /**
   * Sets what we must and keeps the rest.
   *
   * @param kind what is asked for
   * @param given the caller's body
   * @param upstreamModel Kling's name of the model, or null where the kind has none
   * @param externalTaskId our public id, in place of the caller's own
   * @param callbackUrl our receiver, in place of the caller's own
   */
  public static String of(
      Kind kind,
      Body given,
      @Nullable String upstreamModel,
      String externalTaskId,
      String callbackUrl) {
    Body body = Kinds.said(given);
    Body.Edit edit = body.edit();
    if (kind.dialect() == Kind.Dialect.NEWER) {
      Map<String, String> ours = new LinkedHashMap<>();
      ours.put("external_task_id", externalTaskId);
      ours.put("callback_url", callbackUrl);
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
    return edit.set("external_task_id", externalTaskId).set("callback_url", callbackUrl).text();
  }

  private static boolean takesSeconds(Field field) {
    return field.name().equals("duration") && field.type() instanceof FieldType.Seconds;
  }
}
