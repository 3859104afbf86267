package io.klingtracker.task;

import jakarta.persistence.AttributeConverter;
import jakarta.persistence.Converter;
import org.jspecify.annotations.Nullable;

/** The database's words for a status are the API's. */
@Converter(autoApply = true)
class TaskStatusColumn implements AttributeConverter<TaskStatus, String> {

  @Override
  public @Nullable String convertToDatabaseColumn(@Nullable TaskStatus status) {
    return status == null ? null : status.word();
  }

  @Override
  public @Nullable TaskStatus convertToEntityAttribute(@Nullable String word) {
    return word == null ? null : TaskStatus.of(word);
  }
}
