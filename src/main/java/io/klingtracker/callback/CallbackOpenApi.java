package io.klingtracker.callback;

import io.quarkus.smallrye.openapi.OpenApiFilter;
import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.Operation;
import org.eclipse.microprofile.openapi.models.media.MediaType;
import org.eclipse.microprofile.openapi.models.media.Schema;
import org.eclipse.microprofile.openapi.models.parameters.Parameter;
import org.eclipse.microprofile.openapi.models.responses.APIResponse;
import org.eclipse.microprofile.openapi.models.responses.APIResponses;

/** Writes {@link CallbackRoute} into the OpenAPI document: it is no REST resource. */
@OpenApiFilter(stages = OpenApiFilter.RunStage.BUILD)
public class CallbackOpenApi implements OASFilter {

  private static final String JSON = "application/json";

  @Override
  public void filterOpenAPI(OpenAPI document) {
    if (document.getPaths() == null) {
      document.setPaths(OASFactory.createPaths());
    }
    document
        .getPaths()
        .addPathItem(
            "/callbacks/kling/{task_id}/{token}", OASFactory.createPathItem().POST(receive()));
  }

  private static Operation receive() {
    MediaType body =
        OASFactory.createMediaType()
            .schema(OASFactory.createSchema().addType(Schema.SchemaType.OBJECT));
    APIResponses responses =
        OASFactory.createAPIResponses()
            .addAPIResponse("200", response("the receipt is durable, whatever comes of it"))
            .addAPIResponse("400", response("not JSON, or no task in it; kept as a receipt"))
            .addAPIResponse("401", response("wrong token; signature missing, wrong or not of now"))
            .addAPIResponse("408", response("the body did not arrive in time"))
            .addAPIResponse("413", response("larger than 1 MiB"))
            .addAPIResponse("429", response("too many different callbacks for this task"))
            .addAPIResponse("503", response("nothing can be stored now; Retry-After says when"));
    return OASFactory.createOperation()
        .summary("The callback_url that Kling is given")
        .description(
            "Takes both of Kling's callback shapes, bare or in a {code, data} envelope. Needs no"
                + " key: the token in the path is the task's own.")
        .addTag("Kling's callbacks")
        .addParameter(
            path(
                "task_id",
                "the public id of the task, or self-test- and an account for its test callback"))
        .addParameter(path("token", "derived from tracker.secret for this task alone"))
        .addParameter(
            header(
                "webhook-id",
                "Standard Webhooks; needed where the account has"
                    + " webhook-secrets, like the next two"))
        .addParameter(header("webhook-timestamp", "seconds, within 5 minutes of our clock"))
        .addParameter(header("webhook-signature", "v1,… parts, one of which has to match"))
        .requestBody(
            OASFactory.createRequestBody()
                .required(true)
                .content(OASFactory.createContent().addMediaType(JSON, body)))
        .responses(responses);
  }

  private static APIResponse response(String description) {
    return OASFactory.createAPIResponse().description(description);
  }

  private static Parameter path(String name, String description) {
    return parameter(name, description).in(Parameter.In.PATH).required(true);
  }

  private static Parameter header(String name, String description) {
    return parameter(name, description).in(Parameter.In.HEADER);
  }

  private static Parameter parameter(String name, String description) {
    return OASFactory.createParameter()
        .name(name)
        .description(description)
        .schema(OASFactory.createSchema().addType(Schema.SchemaType.STRING));
  }
}
