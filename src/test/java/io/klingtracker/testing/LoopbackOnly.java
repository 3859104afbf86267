package io.klingtracker.testing;

import static net.bytebuddy.matcher.ElementMatchers.isPrivate;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import net.bytebuddy.ByteBuddy;
import net.bytebuddy.agent.ByteBuddyAgent;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.dynamic.ClassFileLocator;
import net.bytebuddy.dynamic.loading.ClassReloadingStrategy;
import net.bytebuddy.matcher.ElementMatcher;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.LauncherSessionListener;

/**
 * Keeps a test run on its machine: whoever connects, or sends a datagram, to an address outside
 * loopback gets an exception, and {@link NothingOutside} fails the test, also when the code under
 * test swallows that exception. The check is in the two methods of the JDK that blocking sockets,
 * channels, Netty and the JDK's HTTP client all end in; the system's own name look-ups ({@code
 * getaddrinfo}) do not pass there.
 */
public final class LoopbackOnly implements LauncherSessionListener {

  /**
   * A system property, since the advice runs in classes of the JDK and Quarkus loads tests twice.
   */
  static final String SEEN = "io.klingtracker.testing.outside";

  private static final String INSTALLED = "io.klingtracker.testing.loopback-only";

  @Override
  public void launcherSessionOpened(LauncherSession session) {
    if (System.getProperties().putIfAbsent(INSTALLED, "yes") == null) {
      ByteBuddyAgent.install();
      check(
          "sun.nio.ch.Net",
          named("connect").and(takesArguments(4)).and(takesArgument(2, InetAddress.class)),
          Connect.class);
      check(
          "sun.nio.ch.DatagramChannelImpl",
          named("send").and(isPrivate()).and(takesArgument(2, InetSocketAddress.class)),
          Send.class);
    }
  }

  private static void check(
      String type, ElementMatcher<? super MethodDescription> methods, Class<?> advice) {
    try {
      new ByteBuddy()
          .redefine(Class.forName(type), ClassFileLocator.ForClassLoader.ofBootLoader())
          .visit(Advice.to(advice).on(methods))
          .make()
          .load(null, ClassReloadingStrategy.fromInstalledAgent());
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException("this JDK connects elsewhere; teach LoopbackOnly where", e);
    }
  }

  /** Copied into the JDK's method, so it may use the JDK alone, and no lambda. */
  private static final class Connect {

    @Advice.OnMethodEnter
    static void check(@Advice.Argument(2) InetAddress remote, @Advice.Argument(3) int port)
        throws ConnectException {
      if (!remote.isLoopbackAddress() && !remote.isAnyLocalAddress()) {
        String where = remote.getHostAddress().concat(":").concat(String.valueOf(port));
        ConnectException outside =
            new ConnectException("a test may not connect outside loopback: ".concat(where));
        System.getProperties().putIfAbsent(SEEN, where);
        throw outside;
      }
    }
  }

  /** As {@link Connect}. */
  private static final class Send {

    @Advice.OnMethodEnter
    static void check(@Advice.Argument(2) InetSocketAddress target) throws ConnectException {
      InetAddress remote = target.getAddress();
      if (remote != null && !remote.isLoopbackAddress() && !remote.isAnyLocalAddress()) {
        String where = remote.getHostAddress().concat(":").concat(String.valueOf(target.getPort()));
        System.getProperties().putIfAbsent(SEEN, where);
        throw new ConnectException("a test may not send outside loopback: ".concat(where));
      }
    }
  }
}
