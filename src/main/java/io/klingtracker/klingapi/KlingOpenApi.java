package io.klingtracker.klingapi;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.CatalogDocs;
import io.klingtracker.catalog.Example;
import io.klingtracker.catalog.Kind;
import io.klingtracker.catalog.SyncPath;
import io.klingtracker.request.Metadata;
import io.quarkus.smallrye.openapi.OpenApiFilter;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.Operation;
import org.eclipse.microprofile.openapi.models.PathItem;
import org.eclipse.microprofile.openapi.models.media.Content;
import org.eclipse.microprofile.openapi.models.media.MediaType;
import org.eclipse.microprofile.openapi.models.media.Schema;
import org.eclipse.microprofile.openapi.models.parameters.Parameter;
import org.eclipse.microprofile.openapi.models.responses.APIResponses;

/**
 * Writes Kling's paths into the OpenAPI document from the table of kinds: one method serves them
 * all, yet each has its own body, limits and examples.
 */
@OpenApiFilter(stages = OpenApiFilter.RunStage.BUILD)
public class KlingOpenApi implements OASFilter {

  private static final String JSON = "application/json";
  private static final String TAG = "Kling's API";

  @Override
  public void filterOpenAPI(OpenAPI document) {
    if (document.getPaths() == null) {
      document.setPaths(OASFactory.createPaths());
    }
    for (Kind kind : Catalog.builtIn().kinds()) {
      boolean legacy = kind.dialect() == Kind.Dialect.LEGACY;
      String path = legacy ? "/kling/v1/" + kind.path() : "/kling/" + kind.path() + "/{model}";
      PathItem item = OASFactory.createPathItem().POST(create(kind));
      if (legacy) {
        item.setGET(list(kind));
        document.getPaths().addPathItem(path + "/{id}", OASFactory.createPathItem().GET(one(kind)));
      }
      document.getPaths().addPathItem(path, item);
    }
    for (SyncPath sync : Catalog.builtIn().sync()) {
      document
          .getPaths()
          .addPathItem(
              "/kling/v1/" + sync.path(),
              sync.isRead()
                  ? OASFactory.createPathItem().GET(presets(sync))
                  : OASFactory.createPathItem().POST(passed(sync)));
    }
  }

  private static Operation create(Kind kind) {
    MediaType body = OASFactory.createMediaType().schema(schema(CatalogDocs.schema(kind)));
    int n = 0;
    for (Example example : Example.all()) {
      if (example.kind().equals(kind)) {
        n++;
        body.addExample(
            "example" + n,
            OASFactory.createExample().summary(example.title()).value(tree(example.body())));
      }
    }
    List<String> rules = CatalogDocs.rules(kind);
    Operation operation =
        operation("Create a task: " + kind.name())
            .description(
                rules.isEmpty()
                    ? "Unknown fields pass through."
                    : "Unknown fields pass through. Rules across fields: "
                        + String.join("; ", rules)
                        + ".")
            .requestBody(
                OASFactory.createRequestBody()
                    .required(true)
                    .content(OASFactory.createContent().addMediaType(JSON, body)))
            .addParameter(header("Idempotency-Key", "the same key gets the same answer for 24 h"))
            .addParameter(header("Tracker-Dry-Run", "true: say what would be sent, store nothing"))
            .addParameter(header("Tracker-Priority", "1 to 9, 9 first, default 5"))
            .addParameter(header("Tracker-Deadline", "seconds after which nothing is sent"))
            .addParameter(
                header(
                    Metadata.HEADER,
                    "a JSON object of at most 16 texts, kept with the task and found by"
                        + " GET /v1/tasks?meta.<key>=<value>"))
            .addParameter(header("Prefer", "wait=1..60: hold the answer until the end"));
    if (kind.dialect() == Kind.Dialect.NEWER) {
      operation.addParameter(path("model"));
    }
    return operation;
  }

  private static Operation one(Kind kind) {
    return operation("Ask for a task: " + kind.name()).addParameter(path("id"));
  }

  private static Operation list(Kind kind) {
    return operation("List tasks, newest first: " + kind.name())
        .addParameter(number("pageNum", KlingResource.MAX_PAGE_NUMBER, 1))
        .addParameter(
            number("pageSize", KlingResource.maxPageSize(kind), KlingResource.DEFAULT_PAGE_SIZE));
  }

  private static Operation presets(SyncPath sync) {
    return operation("Passed on to Kling, answered at once: " + sync.path())
        .addParameter(number("pageNum", KlingResource.MAX_PAGE_NUMBER, 1))
        .addParameter(
            number("pageSize", KlingResource.MAX_VOICE_PAGE_SIZE, KlingResource.DEFAULT_PAGE_SIZE));
  }

  private static Operation passed(SyncPath sync) {
    Schema any = OASFactory.createSchema().addType(Schema.SchemaType.OBJECT);
    Content body =
        OASFactory.createContent().addMediaType(JSON, OASFactory.createMediaType().schema(any));
    return operation("Passed on to Kling, answered at once: " + sync.path())
        .requestBody(OASFactory.createRequestBody().required(true).content(body));
  }

  private static Operation operation(String summary) {
    APIResponses responses =
        OASFactory.createAPIResponses()
            .addAPIResponse(
                "200",
                OASFactory.createAPIResponse().description("code 0, and the data in Kling's shape"))
            .addAPIResponse(
                "400",
                OASFactory.createAPIResponse()
                    .description("code 1201; the message names field, value and rule"))
            .addAPIResponse("401", OASFactory.createAPIResponse().description("code 1000 to 1004"))
            .addAPIResponse(
                "404",
                OASFactory.createAPIResponse()
                    .description("code 1203 for an unknown model, 1202 for an unknown path"));
    return OASFactory.createOperation().summary(summary).addTag(TAG).responses(responses);
  }

  private static Parameter header(String name, String description) {
    return OASFactory.createParameter()
        .name(name)
        .in(Parameter.In.HEADER)
        .description(description)
        .schema(OASFactory.createSchema().addType(Schema.SchemaType.STRING));
  }

  private static Parameter path(String name) {
    return OASFactory.createParameter()
        .name(name)
        .in(Parameter.In.PATH)
        .required(true)
        .schema(OASFactory.createSchema().addType(Schema.SchemaType.STRING));
  }

  private static Parameter number(String name, int max, int defaultValue) {
    return OASFactory.createParameter()
        .name(name)
        .in(Parameter.In.QUERY)
        .schema(
            OASFactory.createSchema()
                .addType(Schema.SchemaType.INTEGER)
                .minimum(BigDecimal.ONE)
                .maximum(BigDecimal.valueOf(max))
                .defaultValue(defaultValue));
  }

  /** A schema of the rule data as the document's model has it. */
  private static Schema schema(Map<String, Object> from) {
    Schema schema = OASFactory.createSchema();
    from.forEach((key, value) -> set(schema, key, value));
    return schema;
  }

  private static void set(Schema schema, String key, Object value) {
    switch (key) {
      case "type" ->
          schema.addType(
              Schema.SchemaType.valueOf(value.toString().toUpperCase(java.util.Locale.ROOT)));
      case "properties" ->
          map(value).forEach((name, of) -> schema.addProperty(name, schema(map(of))));
      case "items" -> schema.setItems(schema(map(value)));
      case "oneOf" -> list(value).forEach(of -> schema.addOneOf(schema(map(of))));
      case "required" -> list(value).forEach(name -> schema.addRequired(name.toString()));
      case "enum" -> list(value).forEach(schema::addEnumeration);
      case "minimum" -> schema.setMinimum(new BigDecimal(value.toString()));
      case "maximum" -> schema.setMaximum(new BigDecimal(value.toString()));
      case "maxLength" -> schema.setMaxLength((Integer) value);
      case "minItems" -> schema.setMinItems((Integer) value);
      case "maxItems" -> schema.setMaxItems((Integer) value);
      case "pattern" -> schema.setPattern(value.toString());
      case "format" -> schema.setFormat(value.toString());
      case "default" -> schema.setDefaultValue(value);
      case "description" -> schema.setDescription(value.toString());
      case "additionalProperties" ->
          schema.setAdditionalPropertiesSchema(
              OASFactory.createSchema().booleanSchema((Boolean) value));
      default -> throw new IllegalStateException("no place for " + key + " in a schema");
    }
  }

  @SuppressWarnings("unchecked") // what CatalogDocs.schema promises
  private static Map<String, Object> map(Object value) {
    return (Map<String, Object>) value;
  }

  private static List<?> list(Object value) {
    return (List<?>) value;
  }

  private static Object tree(String json) {
    try {
      return new com.fasterxml.jackson.databind.ObjectMapper().readValue(json, Map.class);
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new IllegalStateException("examples are JSON", e);
    }
  }
}
