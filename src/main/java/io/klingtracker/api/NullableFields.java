package io.klingtracker.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.quarkus.smallrye.openapi.OpenApiFilter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.media.Schema;
import org.jboss.jandex.AnnotationInstance;
import org.jboss.jandex.AnnotationValue;
import org.jboss.jandex.ClassInfo;
import org.jboss.jandex.DotName;
import org.jboss.jandex.IndexView;
import org.jboss.jandex.RecordComponentInfo;
import org.jspecify.annotations.Nullable;

/**
 * Says in the OpenAPI document which fields may be null: those that are {@code @Nullable}, which
 * its scanner does not know, and are not left out then.
 */
@OpenApiFilter(stages = OpenApiFilter.RunStage.BUILD)
public class NullableFields implements OASFilter {

  private static final String BASE = "io.klingtracker.";
  private static final DotName NULLABLE = DotName.createSimple(Nullable.class);
  private static final DotName INCLUDE = DotName.createSimple(JsonInclude.class);
  private static final DotName PROPERTY = DotName.createSimple(JsonProperty.class);
  private static final DotName SCHEMA =
      DotName.createSimple("org.eclipse.microprofile.openapi.annotations.media.Schema");

  private final List<ClassInfo> records;

  /**
   * Reads our records.
   *
   * @param index of all classes, given by Quarkus
   */
  public NullableFields(IndexView index) {
    this.records =
        index.getKnownClasses().stream()
            .filter(type -> type.isRecord() && type.name().toString().startsWith(BASE))
            .toList();
  }

  @Override
  public void filterOpenAPI(OpenAPI document) {
    if (document.getComponents() != null && document.getComponents().getSchemas() != null) {
      document.getComponents().getSchemas().forEach(this::mark);
    }
  }

  /** A schema has its record's name, with a number where there are several. */
  private void mark(String name, Schema schema) {
    Map<String, Schema> properties = schema.getProperties();
    if (properties == null) {
      return;
    }
    for (ClassInfo type : records) {
      Map<String, Boolean> fields = fields(type);
      String own = schemaName(type);
      if ((name.equals(own) || name.replaceFirst("[0-9]+$", "").equals(own))
          && fields.keySet().equals(properties.keySet())) {
        properties.forEach(
            (field, property) -> {
              if (fields.getOrDefault(field, false)) {
                schema.addProperty(field, orNull(property));
              }
            });
      }
    }
  }

  /** As the record says itself, or its simple name. */
  private static String schemaName(ClassInfo type) {
    AnnotationInstance schema = type.declaredAnnotation(SCHEMA);
    AnnotationValue name = schema == null ? null : schema.value("name");
    return name == null ? type.simpleName() : name.asString();
  }

  private static Schema orNull(Schema schema) {
    if (schema.getType() != null && !schema.getType().isEmpty()) {
      return schema.getType().contains(Schema.SchemaType.NULL)
          ? schema
          : schema.addType(Schema.SchemaType.NULL);
    }
    return schema.getRef() == null
        ? schema
        : OASFactory.createSchema()
            .addAnyOf(schema)
            .addAnyOf(OASFactory.createSchema().addType(Schema.SchemaType.NULL));
  }

  /** The names in JSON, and whether null may be there. */
  private static Map<String, Boolean> fields(ClassInfo type) {
    boolean snakeCase = type.hasDeclaredAnnotation(JsonNaming.class);
    Map<String, Boolean> fields = new HashMap<>();
    for (RecordComponentInfo component : type.recordComponents()) {
      boolean mayBeNull = component.type().hasAnnotation(NULLABLE) && !isLeftOut(type, component);
      fields.put(name(component, snakeCase), mayBeNull);
    }
    return fields;
  }

  private static String name(RecordComponentInfo component, boolean snakeCase) {
    AnnotationInstance given = annotation(component, PROPERTY);
    if (given != null && given.value() != null) {
      return given.value().asString();
    }
    return snakeCase
        ? PropertyNamingStrategies.SnakeCaseStrategy.INSTANCE.translate(component.name())
        : component.name();
  }

  private static boolean isLeftOut(ClassInfo type, RecordComponentInfo component) {
    AnnotationInstance own = annotation(component, INCLUDE);
    AnnotationInstance given = own != null ? own : type.declaredAnnotation(INCLUDE);
    AnnotationValue value = given == null ? null : given.value();
    return value != null && !value.asEnum().equals(JsonInclude.Include.ALWAYS.name());
  }

  /** Jackson's annotations are not on components but on what is made of them. */
  private static @Nullable AnnotationInstance annotation(
      RecordComponentInfo component, DotName name) {
    return component.field().declaredAnnotation(name);
  }
}
