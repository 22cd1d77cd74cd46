// The stacks of VGG16: each distinct shape of convolution with what follows it, its blocks, and the whole.
#include "stack.hpp"

#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/models/vgg16.hpp>

namespace cxrnet::fusion {

namespace {

template <class Backend, int Size, int In, int Out>
void add_shape(std::vector<Stack>& list) {
  const std::string shape = " " + std::to_string(In) + " to " + std::to_string(Out) + " at " + std::to_string(Size);
  using Image = Input<Size, Size, In>;
  list.push_back(stack_of<Seq<Image, Conv2D<Out, 3, Same, NoBias>>, Backend>("conv" + shape, false));
  list.push_back(stack_of<Seq<Image, Conv2D<Out, 3, Same>>, Backend>("conv+bias" + shape, false));
  list.push_back(stack_of<Seq<Image, Conv2D<Out, 3, Same, Relu>>, Backend>("conv+bias+relu" + shape, false));
  list.push_back(stack_of<Seq<Image, Conv2D<Out, 3, Same, Relu>, MaxPool<2>>, Backend>("conv+bias+relu+pool" + shape));
}

template <class Backend, int Number, int Size, int In, int Convolutions>
void add_block(std::vector<Stack>& list) {
  using Net = Seq<Input<Size, Size, In>, vgg::Block<Number, Convolutions>>;
  list.push_back(stack_of<Net, Backend>("block " + std::to_string(Number)));
}

}  // namespace

std::vector<Stack> stacks(std::string_view backend) {
  return on_backend(backend, []<class Backend>(Backend) {
    std::vector<Stack> list;
    add_shape<Backend, 224, 3, 64>(list);
    add_shape<Backend, 224, 64, 64>(list);
    add_shape<Backend, 112, 64, 128>(list);
    add_shape<Backend, 112, 128, 128>(list);
    add_shape<Backend, 56, 128, 256>(list);
    add_shape<Backend, 56, 256, 256>(list);
    add_shape<Backend, 28, 256, 512>(list);
    add_shape<Backend, 28, 512, 512>(list);
    add_shape<Backend, 14, 512, 512>(list);
    add_block<Backend, 1, 224, 3, 2>(list);
    add_block<Backend, 2, 112, 64, 2>(list);
    add_block<Backend, 3, 56, 128, 3>(list);
    add_block<Backend, 4, 28, 256, 3>(list);
    add_block<Backend, 5, 14, 512, 3>(list);
    list.push_back(stack_of<Seq<VGG16Backbone<Frozen>>, Backend>("VGG16"));
    return list;
  });
}

}  // namespace cxrnet::fusion
