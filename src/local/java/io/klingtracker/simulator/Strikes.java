package io.klingtracker.simulator;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** What a fault can strike and what then happens, as the control port and the docs tell it. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@interface Strikes {

  /** What it can strike. */
  Operation[] on();

  /** What happens. */
  String says();
}
