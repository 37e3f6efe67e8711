import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;
import org.opensearch.plugins.PluginInfo;

/**
 * One real OpenSearch node: ServerNode HOME MODULES SETTING=VALUE... (MODULES is not used here).
 * Prints "ready" when it takes requests; SIGTERM closes it. Node is started itself: the server's own Bootstrap refuses root.
 */
public final class ServerNode {
    private static final boolean V2 = Version.CURRENT.major < 3;

    private static final class OneNode extends Node {
        // 2.x takes classes, 3.x PluginInfo: the raw type compiles against both.
        @SuppressWarnings({"unchecked", "rawtypes"})
        OneNode(Settings settings, List<Object> plugins) {
            super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "forebear"), (Collection) plugins, false);
        }
    }

    public static void main(String[] args) throws Exception {
        Settings.Builder settings = Settings.builder().put("path.home", args[0]);
        for (String arg : List.of(args).subList(2, args.length)) {
            String[] pair = arg.split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        Node node = new OneNode(settings.build(), plugins());
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try (node) {
                stopped.countDown();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        node.start();
        System.out.println("ready");
        stopped.await();
    }

    private static List<Object> plugins() throws ClassNotFoundException {
        List<Object> plugins = new ArrayList<>();
        for (String name : List.of("transport.Netty4", "index.mapper.MapperExtras", "join.ParentJoin", "index.reindex.Reindex")) {
            Class<? extends Plugin> type = Class.forName("org.opensearch." + name + (V2 ? "Plugin" : "ModulePlugin")).asSubclass(Plugin.class);
            String plugin = type.getName();
            plugins.add(V2 ? type : new PluginInfo(plugin, "", "NA", Version.CURRENT, "1.8", plugin, null, List.of(), false));
        }
        return plugins;
    }
}
