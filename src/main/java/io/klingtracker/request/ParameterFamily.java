package io.klingtracker.request;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * On a method of a resource that reads query parameters whose names are the caller's but for their
 * beginning; each may be given more than once.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface ParameterFamily {

  /** What the names begin with. */
  String value();
}
