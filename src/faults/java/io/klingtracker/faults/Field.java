package io.klingtracker.faults;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;

/** A row of {@code mvn -Pfield}: what PostgreSQL, Kafka and Kling do by themselves. */
@Tag("field")
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@interface Field {}
