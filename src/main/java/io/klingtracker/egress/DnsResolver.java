package io.klingtracker.egress;

import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.resolver.dns.DnsNameResolver;
import io.netty.resolver.dns.DnsNameResolverBuilder;
import io.netty.resolver.dns.SingletonDnsServerAddressStreamProvider;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The machine's name servers and hosts file, asked asynchronously on one thread of its own. Answers
 * are kept as long as DNS allows, but no longer than the cap; an address is checked at every use.
 */
public final class DnsResolver implements Resolver, AutoCloseable {

  private static final int MAX_QUERIES_PER_RESOLVE = 16;

  private static final int MAX_TTL_SECONDS = 30;

  private final NioEventLoopGroup group;
  private final DnsNameResolver resolver;

  /**
   * A resolver.
   *
   * @param timeout of one query to one server
   * @param server {@code address:port} to ask instead of the machine's name servers, or null
   */
  public DnsResolver(Duration timeout, @Nullable String server) {
    group = new NioEventLoopGroup(1, new DefaultThreadFactory("dns", true));
    DnsNameResolverBuilder builder =
        new DnsNameResolverBuilder(group.next())
            .channelType(NioDatagramChannel.class)
            .socketChannelType(NioSocketChannel.class, true)
            .queryTimeoutMillis(timeout.toMillis())
            .maxQueriesPerResolve(MAX_QUERIES_PER_RESOLVE)
            .ttl(0, MAX_TTL_SECONDS)
            .negativeTtl(1);
    if (server != null) {
      builder.nameServerProvider(new SingletonDnsServerAddressStreamProvider(address(server)));
    }
    resolver = builder.build();
  }

  private static InetSocketAddress address(String server) {
    int colon = server.lastIndexOf(':');
    try {
      return new InetSocketAddress(
          InetAddress.getByName(server.substring(0, Math.max(0, colon))),
          Integer.parseInt(server.substring(colon + 1)));
    } catch (UnknownHostException | IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "tracker.webhook.dns-server must be an address and a port, such as 10.0.0.2:53", e);
    }
  }

  @Override
  public CompletionStage<List<InetAddress>> resolve(String host) {
    CompletableFuture<List<InetAddress>> result = new CompletableFuture<>();
    Future<List<InetAddress>> lookUp = resolver.resolveAll(host);
    lookUp.addListener((Future<List<InetAddress>> f) -> settle(f, result));
    result.whenComplete(
        (addresses, failure) -> {
          if (result.isCancelled()) {
            lookUp.cancel(false);
          }
        });
    return result;
  }

  private static void settle(
      Future<List<InetAddress>> answer, CompletableFuture<List<InetAddress>> result) {
    if (answer.isSuccess()) {
      result.complete(answer.getNow());
    } else {
      result.completeExceptionally(answer.cause());
    }
  }

  @Override
  public void close() {
    resolver.close();
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }
}
