package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.json.Body;
import io.klingtracker.json.Empty;
import io.klingtracker.json.Excerpts;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.text.ForeignText;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Checks a request against everything we know of what Kling takes, before anything is stored. */
public final class RequestRules {

  private RequestRules() {}

  /**
   * Checks a body that names its model itself.
   *
   * @throws ProblemException as {@link #check(Kind, String, Body, ModelMapping, LocalDate)} does
   */
  public static Checked check(Kind kind, Body body, ModelMapping mapping, LocalDate day) {
    return check(kind, null, body, mapping, day);
  }

  /**
   * Checks a body; what is {@link Empty} in it counts as left out.
   *
   * @param pathModel the model that the path names, in the newer generation; null in the legacy one
   * @param day today, in UTC
   * @throws ProblemException {@link ErrorCode#INVALID_REQUEST} with every violation in one message,
   *     {@link ErrorCode#MODEL_UNKNOWN}, or {@link ErrorCode#MODEL_DISCONTINUED} in Kling's words
   */
  public static Checked check(
      Kind kind, @Nullable String pathModel, Body given, ModelMapping mapping, LocalDate day) {
    Catalog catalog = Catalog.current();
    Body body = catalog.withoutEmpty(given);
    Findings findings = new Findings(day);
    String model = pathModel == null ? modelOf(kind, body, findings) : pathModel;
    String member = pathModel == null ? given(body) : "model";
    checkName(member == null ? "model_name" : member, model);
    String upstream = model == null ? null : upstream(kind, model, mapping, member, day);
    Model version = upstream == null ? null : kind.model(upstream).orElse(null);
    Rule.RequestView request = new Rule.RequestView(body.root(), version);

    Model known = kind.row(upstream);
    for (Field field : known.fields()) {
      findings.forModel(known.narrowed().contains(field.name()) ? model : null);
      field.check("", body.root(), findings);
    }
    findings.forModel(null);
    if (known.contents() != null && body.get("contents").isArray()) {
      known.contents().check(body.get("contents"), findings);
    }
    if (version != null || upstream == null || kind.models().isEmpty()) {
      // Of a model that we do not know no rule is sure.
      kind.rules().forEach(rule -> rule.check().accept(request, findings));
    }
    if (!findings.none()) {
      throw new ProblemException(ErrorCode.INVALID_REQUEST, findings.message());
    }
    warn(kind, request, model, findings);
    String retirement =
        known.retiresSoon(day)
            ? "%s is switched off on %s".formatted(model, known.retired())
            : null;
    if (retirement != null) {
      findings.warn(retirement);
    }
    return new Checked(
        kind,
        model,
        upstream,
        mapping.slotModel(upstream),
        own(kind, body, "external_task_id"),
        own(kind, body, "callback_url"),
        slots(kind, request),
        catalog.units(kind, upstream, request),
        retirement,
        findings.warnings());
  }

  /** Kinds without a table of models take any name; it is stored and counted by. */
  private static void checkName(String member, @Nullable String model) {
    if (model != null
        && (model.length() > ModelMapping.MAX_NAME
            || !ForeignText.isClean(model)
            || model.codePoints().anyMatch(Character::isISOControl))) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST,
          "%s value '%s' is invalid: must have at most %s characters, none of them control characters"
              .formatted(member, Excerpts.shorten(model, 60), ModelMapping.MAX_NAME));
    }
  }

  /** The member that names the model: {@code model_name}, or its older alias; null for neither. */
  static @Nullable String given(Body body) {
    if (!body.get("model_name").isMissingNode()) {
      return "model_name";
    }
    return body.get("model").isMissingNode() ? null : "model";
  }

  private static @Nullable String modelOf(Kind kind, Body body, Findings findings) {
    String member = given(body);
    if (member == null) {
      return kind.defaultModel();
    }
    JsonNode value = body.get(member);
    if (!value.isTextual()) {
      findings.refuse(member, value, "must be the name of a model");
      throw new ProblemException(ErrorCode.INVALID_REQUEST, findings.message());
    }
    if (member.equals("model")) {
      // Kling takes the alias and then behaves as if no model was named, which no caller means.
      findings.warn("model is an old alias that Kling ignores; it is sent as model_name");
    }
    return value.textValue();
  }

  private static String upstream(
      Kind kind, String model, ModelMapping mapping, @Nullable String member, LocalDate day) {
    Optional<String> mapped = mapping.upstream(model);
    String said = mapped.orElse(model);
    String upstream = kind.named(said).map(Model::name).orElse(said);
    boolean open = kind.models().isEmpty();
    boolean known =
        open
            || kind.model(upstream).isPresent()
            || mapped.isPresent() && !Catalog.current().knowsModel(upstream);
    if (!known || upstream.isBlank()) {
      throw new ProblemException(
          ErrorCode.MODEL_UNKNOWN,
          "%s value '%s' is invalid: no such model on %s, which takes %s"
              .formatted(
                  member == null ? "model_name" : member,
                  Excerpts.shorten(model, 60),
                  kind.path(),
                  String.join(", ", kind.models().stream().map(Model::name).toList())));
    }
    if (mapping.isDiscontinued(upstream) || kind.isRetired(upstream, day)) {
      throw new ProblemException(
          ErrorCode.MODEL_DISCONTINUED,
          discontinued(model) + (member == null ? ofDefault(kind, mapping, day) : ""));
    }
    return upstream;
  }

  /** Kling's words for a model that it has switched off. */
  public static String discontinued(String model) {
    return "The model '%s' has been discontinued and is no longer available.".formatted(model);
  }

  private static String ofDefault(Kind kind, ModelMapping mapping, LocalDate day) {
    List<String> left =
        kind.models().stream()
            .filter(row -> !row.isRetired(day) && !mapping.isDiscontinued(row.name()))
            .map(Model::name)
            .toList();
    return " It is the default of %s; %s"
        .formatted(
            kind.path(),
            left.isEmpty()
                ? "Kling has no other there."
                : "name a model_name of " + String.join(", ", left) + ".");
  }

  private static void warn(
      Kind kind, Rule.RequestView request, @Nullable String model, Findings findings) {
    Model version = request.model();
    if (version == null) {
      if (model != null && !kind.models().isEmpty()) {
        findings.warn(
            model
                + " is not in our table of models; only what each field holds was checked, no limit");
      }
      return;
    }
    for (String path : version.ignored()) {
      if (request.hasAt(path)) {
        findings.warn(path + " has no documented effect with " + model);
      }
    }
  }

  private static int slots(Kind kind, Rule.RequestView request) {
    return kind.family() == Family.IMAGE ? Prices.pictures(kind, request) : 1;
  }

  private static @Nullable String own(Kind kind, Body body, String name) {
    JsonNode from =
        kind.dialect() == Kind.Dialect.LEGACY ? body.root() : body.root().path("options");
    return from.path(name).textValue();
  }
}
