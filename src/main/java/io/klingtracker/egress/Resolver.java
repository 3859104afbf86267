package io.klingtracker.egress;

import java.net.InetAddress;
import java.util.List;
import java.util.concurrent.CompletionStage;

/** Looks names up without holding a thread. */
public interface Resolver {

  /** Every address of a host, or a failure; never an empty list. */
  CompletionStage<List<InetAddress>> resolve(String host);
}
